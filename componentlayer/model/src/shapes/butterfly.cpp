// SPDX-License-Identifier: GPL-3.0-or-later
// The butterfly network of the fast Fourier transform: stages + 1 ranks of 2^stages rows each
// (Leighton, "Introduction to Parallel Algorithms and Architectures", section 3.2). Rank 0 only
// sends and the last rank only receives; the edges from rank s to s + 1 are the s-th stage.
#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"

namespace mvm::model {

namespace {

constexpr std::uint64_t vertices_of(std::uint64_t stages) {
  return (stages + 1) << stages;
}

/// The count settles the stages; a written number of stages must agree with it.
Result<std::uint32_t> fitting_stages(const ShapeRequest& request) {
  std::uint32_t stages = 1;
  while (vertices_of(stages) < request.count) ++stages;
  if (request.stages == 0 || request.stages == stages) {
    if (vertices_of(stages) == request.count) return stages;
  }
  if (request.stages == 0) {
    return fail(ErrorCode::kInvalidProfile,
                "a butterfly has (stages + 1) * 2^stages vertices, not ", request.count, ": ",
                nearest_sizes(request.count, vertices_of), " would fit");
  }
  if (request.stages > 32) {
    return fail(ErrorCode::kLimit, "a butterfly of ", request.stages,
                " stages has more vertices than there can be tasks");
  }
  return fail(ErrorCode::kInvalidProfile, "a butterfly of ", request.stages, " stages has ",
              vertices_of(request.stages), " vertices, but there are ", request.count,
              " tasks: make it ", vertices_of(request.stages), " tasks, or leave stages= out");
}

}  // namespace

Result<Shape> make_butterfly(const ShapeRequest& request) {
  const auto stages = fitting_stages(request);
  if (!stages) return fail(stages.error());
  const auto rows = 1u << *stages;
  if (auto fits = check_size(text("a butterfly of ", *stages, " stages"), 2ull * *stages * rows, 4);
      !fits) {
    return fail(fits.error());
  }
  ShapeBuilder builder(request.count);
  builder.rank(2);
  const auto in0 = builder.port("in0");
  const auto in1 = builder.port("in1");
  const auto out0 = builder.port("out0");
  const auto out1 = builder.port("out1");
  for (std::uint32_t stage = 0; stage <= *stages; ++stage) {
    for (std::uint32_t row = 0; row < rows; ++row) {
      builder.position(stage);
      builder.position(row);
      if (stage == *stages) continue;
      const auto here = stage * rows + row;
      const auto next_rank = (stage + 1) * rows;
      builder.one_way(here, out0, next_rank + row, in0);
      builder.one_way(here, out1, next_rank + (row ^ 1u << stage), in1);
    }
  }
  return builder.take();
}

}  // namespace mvm::model
