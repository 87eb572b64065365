// SPDX-License-Identifier: GPL-3.0-or-later
#include "shapes/neighbour_ports.hpp"

#include <algorithm>

#include "shapes/shape_builder.hpp"

namespace mvm::model {

Shape number_neighbours(std::uint32_t count, std::vector<Pair> pairs) {
  for (auto& [a, b] : pairs) {
    if (a > b) std::swap(a, b);
  }
  std::ranges::sort(pairs);

  // In sorted order a vertex meets its smaller neighbours first, ascending, as the second of a
  // pair (a, v); its greater ones follow, ascending, as the first of (v, b). So counting up at
  // both ends numbers the neighbours in order.
  std::vector<std::uint32_t> degree(count, 0);
  for (const auto& [a, b] : pairs) {
    ++degree[a];
    ++degree[b];
  }
  ShapeBuilder builder(count);
  builder.numbered_ports("n", count == 0 ? 0 : *std::ranges::max_element(degree));
  std::vector<std::uint32_t> next(count, 0);
  for (const auto& [a, b] : pairs) builder.two_way(a, next[a]++, b, next[b]++);
  return builder.take();
}

}  // namespace mvm::model
