// SPDX-License-Identifier: GPL-3.0-or-later
// Mesh and torus of any number of dimensions. The first dimension, x, varies fastest.
#include <utility>
#include <vector>

#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"

namespace mvm::model {

namespace {

using Dims = std::vector<std::uint32_t>;

std::string axis_name(std::size_t axis) {
  constexpr std::string_view kLetters = "xyz";
  return axis < kLetters.size() ? std::string(1, kLetters[axis]) : text('d', axis);
}

/// The most square rectangle of `count` vertices, the longer side first.
Dims squarest(std::uint32_t count) {
  std::uint32_t height = 1;
  for (std::uint32_t side = 1; std::uint64_t{side} * side <= count; ++side) {
    if (count % side == 0) height = side;
  }
  return {count / height, height};
}

std::string words(const Dims& dims) {
  std::string out;
  for (const auto size : dims) out += text(out.empty() ? "" : " ", size);
  return out;
}

Result<Dims> fitting_dims(const ShapeRequest& request) {
  const auto kind = to_string(request.kind);
  if (request.dims.empty()) return squarest(request.count);
  if (request.dims.size() > kMaxDimensions) {
    return fail(ErrorCode::kLimit, "a ", kind, " of ", request.dims.size(), " dimensions; at most ",
                kMaxDimensions, " are possible");
  }
  std::uint64_t vertices = 1;
  for (const auto size : request.dims) {
    if (size == 0) {
      return fail(ErrorCode::kInvalidProfile, "dims=\"", words(request.dims),
                  "\": each dimension is at least 1");
    }
    vertices = std::min<std::uint64_t>(vertices * size, 1ull << 32);  // stays far from overflow
  }
  if (vertices == request.count) return request.dims;
  return fail(ErrorCode::kInvalidProfile, "a ", kind, " with dims=\"", words(request.dims),
              "\" has ", vertices, " vertices, but there are ", request.count, " tasks: make it ",
              vertices, " tasks or, for example, dims=\"", words(squarest(request.count)), "\"");
}

Result<Shape> make_grid(const ShapeRequest& request, bool wraps) {
  const auto dims = fitting_dims(request);
  if (!dims) return fail(dims.error());
  const auto axes = static_cast<std::uint32_t>(dims->size());
  if (auto fits = check_size(text("a ", to_string(request.kind), " of ", words(*dims)),
                             2ull * axes * request.count, 2ull * axes);
      !fits) {
    return fail(fits.error());
  }
  ShapeBuilder builder(request.count);
  builder.rank(axes);
  for (auto& port : grid_ports(axes)) builder.port(std::move(port));
  Dims here(axes, 0);
  for (std::uint32_t v = 0; v < request.count; ++v) {
    std::uint32_t stride = 1;
    for (std::uint32_t axis = 0; axis < axes; ++axis) {
      const auto size = (*dims)[axis];
      const bool at_border = here[axis] + 1 == size;
      if (!at_border || wraps) {
        const auto neighbour = at_border ? v - (size - 1) * stride : v + stride;
        builder.two_way(v, 2 * axis + 1, neighbour, 2 * axis);
      }
      builder.position(here[axis]);
      stride *= size;
    }
    for (std::uint32_t axis = 0; axis < axes && ++here[axis] == (*dims)[axis]; ++axis) {
      here[axis] = 0;
    }
  }
  return builder.take();
}

}  // namespace

std::vector<std::string> grid_ports(std::size_t rank) {
  std::vector<std::string> ports;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    ports.push_back(axis_name(axis) + '-');  // index 2 * axis
    ports.push_back(axis_name(axis) + '+');  // index 2 * axis + 1
  }
  return ports;
}

Result<Shape> make_mesh(const ShapeRequest& request) {
  return make_grid(request, false);
}

Result<Shape> make_torus(const ShapeRequest& request) {
  return make_grid(request, true);
}

}  // namespace mvm::model
