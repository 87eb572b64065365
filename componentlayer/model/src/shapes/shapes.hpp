// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <mvm/model/shape.hpp>

namespace mvm::model {

/// The generators, one per kind. Each is called with a count of at least 1, and is registered in
/// the table of shape.cpp.
[[nodiscard]] Result<Shape> make_pipeline(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_line(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_ring(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_star(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_tree(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_mesh(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_torus(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_hypercube(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_butterfly(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_complete(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_bipartite(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_random_regular(const ShapeRequest& request);
[[nodiscard]] Result<Shape> make_file_shape(const ShapeRequest& request);

/// The ports of a mesh or torus: "x-", "x+", … of the first `rank` axes.
[[nodiscard]] std::vector<std::string> grid_ports(std::size_t rank);

}  // namespace mvm::model
