// SPDX-License-Identifier: GPL-3.0-or-later
// Shapes in which everybody knows everybody: complete and (complete) bipartite.
#include "shapes/neighbour_ports.hpp"
#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"

namespace mvm::model {

Result<Shape> make_complete(const ShapeRequest& request) {
  const auto count = request.count;
  if (auto fits = check_size(text("a complete graph of ", count),
                             std::uint64_t{count} * (count - 1), count - 1);
      !fits) {
    return fail(fits.error());
  }
  std::vector<Pair> pairs;
  for (std::uint32_t a = 0; a < count; ++a) {
    for (std::uint32_t b = a + 1; b < count; ++b) pairs.emplace_back(a, b);
  }
  return number_neighbours(count, std::move(pairs));
}

Result<Shape> make_bipartite(const ShapeRequest& request) {
  const auto count = request.count;
  const auto first = request.first_part != 0 ? request.first_part : (count + 1) / 2;
  if (first >= count) {
    return fail(ErrorCode::kInvalidProfile, "a bipartite graph has two sides, but all ", count,
                " tasks are on the first: give it two jobs, or more tasks");
  }
  const auto second = count - first;
  if (auto fits = check_size(text("a bipartite graph of ", first, " and ", second),
                             2ull * first * second, std::max(first, second));
      !fits) {
    return fail(fits.error());
  }
  std::vector<Pair> pairs;
  for (std::uint32_t a = 0; a < first; ++a) {
    for (std::uint32_t b = first; b < count; ++b) pairs.emplace_back(a, b);
  }
  return number_neighbours(count, std::move(pairs));
}

}  // namespace mvm::model
