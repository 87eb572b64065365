// SPDX-License-Identifier: GPL-3.0-or-later
// Shapes along one dimension: pipeline, line and ring.
#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"

namespace mvm::model {

Result<Shape> make_pipeline(const ShapeRequest& request) {
  ShapeBuilder builder(request.count);
  const auto in = builder.port("in");
  const auto out = builder.port("out");
  for (std::uint32_t v = 0; v + 1 < request.count; ++v) builder.one_way(v, out, v + 1, in);
  return builder.take();
}

Result<Shape> make_line(const ShapeRequest& request) {
  ShapeBuilder builder(request.count);
  const auto left = builder.port("left");
  const auto right = builder.port("right");
  for (std::uint32_t v = 0; v + 1 < request.count; ++v) builder.two_way(v, right, v + 1, left);
  return builder.take();
}

Result<Shape> make_ring(const ShapeRequest& request) {
  ShapeBuilder builder(request.count);
  const auto prev = builder.port("prev");
  const auto next = builder.port("next");
  for (std::uint32_t v = 0; v < request.count; ++v) {
    builder.two_way(v, next, (v + 1) % request.count, prev);
  }
  return builder.take();
}

}  // namespace mvm::model
