// SPDX-License-Identifier: GPL-3.0-or-later
#include <bit>

#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"

namespace mvm::model {

Result<Shape> make_hypercube(const ShapeRequest& request) {
  const auto count = request.count;
  if (!std::has_single_bit(count)) {
    return fail(ErrorCode::kInvalidProfile, "a hypercube has a power of two of vertices, not ",
                count, ": ", nearest_sizes(count, [](auto step) { return 1ull << (step - 1); }),
                " would fit");
  }
  const auto dimensions = static_cast<std::uint32_t>(std::countr_zero(count));
  if (auto fits =
          check_size(text("a hypercube of ", count), std::uint64_t{count} * dimensions, dimensions);
      !fits) {
    return fail(fits.error());
  }
  ShapeBuilder builder(count);
  builder.rank(dimensions);
  builder.numbered_ports("d", dimensions);
  for (std::uint32_t v = 0; v < count; ++v) {
    for (std::uint32_t k = 0; k < dimensions; ++k) {
      const auto bit = 1u << k;
      if ((v & bit) == 0) builder.two_way(v, k, v | bit, k);
      builder.position(v >> k & 1);
    }
  }
  return builder.take();
}

}  // namespace mvm::model
