// SPDX-License-Identifier: GPL-3.0-or-later
// Shapes with a root: star and tree.
#include <algorithm>

#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"

namespace mvm::model {

Result<Shape> make_star(const ShapeRequest& request) {
  const auto leaves = request.count - 1;
  if (auto fits = check_size(text("a star of ", request.count), 2ull * leaves, leaves); !fits) {
    return fail(fits.error());
  }
  ShapeBuilder builder(request.count);
  const auto hub = builder.port("hub");
  const auto leaf = builder.numbered_ports("leaf", leaves);
  for (std::uint32_t k = 0; k < leaves; ++k) builder.two_way(0, leaf + k, k + 1, hub);
  return builder.take();
}

Result<Shape> make_tree(const ShapeRequest& request) {
  const auto arity = request.arity;
  if (arity == 0) {
    return fail(ErrorCode::kInvalidProfile,
                "a tree of arity 0 has no edges: arity is at least 1 (1 is a line)");
  }
  const auto children = std::min(arity, request.count - 1);  // of the root, the busiest vertex
  if (auto fits =
          check_size(text("a tree of arity ", arity), 2ull * (request.count - 1), children + 1ull);
      !fits) {
    return fail(fits.error());
  }
  ShapeBuilder builder(request.count);
  const auto parent = builder.port("parent");
  const auto child = builder.numbered_ports("child", children);
  for (std::uint32_t v = 1; v < request.count; ++v) {
    builder.two_way((v - 1) / arity, child + (v - 1) % arity, v, parent);
  }
  return builder.take();
}

}  // namespace mvm::model
