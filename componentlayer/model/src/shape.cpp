// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/shape.hpp>

#include <algorithm>
#include <array>
#include <string>

#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"
#include "xml_element.hpp"

namespace mvm::model {

namespace {

struct ShapeKind {
  GraphKind kind;
  std::string_view word;
  std::string_view receiving;  ///< its ports at which edges arrive; empty: they vary
  Result<Shape> (*make)(const ShapeRequest&);
};

// Every shape that a profile can name, in the order of GraphKind.
constexpr std::array kShapeKinds = {
    ShapeKind{GraphKind::kPipeline, "pipeline", "in", make_pipeline},
    ShapeKind{GraphKind::kLine, "line", "left right", make_line},
    ShapeKind{GraphKind::kRing, "ring", "prev next", make_ring},
    ShapeKind{GraphKind::kStar, "star", "hub leaf#", make_star},
    ShapeKind{GraphKind::kTree, "tree", "parent child#", make_tree},
    ShapeKind{GraphKind::kMesh, "mesh", "", make_mesh},
    ShapeKind{GraphKind::kTorus, "torus", "", make_torus},
    ShapeKind{GraphKind::kHypercube, "hypercube", "d#", make_hypercube},
    ShapeKind{GraphKind::kButterfly, "butterfly", "in0 in1", make_butterfly},
    ShapeKind{GraphKind::kComplete, "complete", "n#", make_complete},
    ShapeKind{GraphKind::kBipartite, "bipartite", "n#", make_bipartite},
    ShapeKind{GraphKind::kRandomRegular, "random-regular", "n#", make_random_regular},
    ShapeKind{GraphKind::kFile, "file", "", make_file_shape},
};

constexpr bool rows_stand_at_their_kind() {
  for (std::size_t i = 0; i < kShapeKinds.size(); ++i) {
    if (static_cast<std::size_t>(kShapeKinds[i].kind) != i) return false;
  }
  return true;
}
static_assert(rows_stand_at_their_kind());

}  // namespace

std::string_view to_string(GraphKind kind) {
  return kShapeKinds[static_cast<std::size_t>(kind)].word;
}

const std::vector<std::string>& graph_kind_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all;
    for (const auto& row : kShapeKinds) all.emplace_back(row.word);
    return all;
  }();
  return words;
}

std::optional<GraphKind> parse_graph_kind(std::string_view word) {
  const auto row = std::ranges::find(kShapeKinds, word, &ShapeKind::word);
  if (row == kShapeKinds.end()) return std::nullopt;
  return row->kind;
}

std::vector<std::string> receiving_ports(GraphKind kind, std::size_t rank) {
  if (kind == GraphKind::kMesh || kind == GraphKind::kTorus) {
    return grid_ports(rank == 0 ? 2 : rank);
  }
  return split_words(kShapeKinds[static_cast<std::size_t>(kind)].receiving);
}

Result<Shape> make_shape(const ShapeRequest& request) {
  if (request.count == 0) {
    return fail(ErrorCode::kInvalidProfile, "a ", to_string(request.kind),
                " needs at least one task");
  }
  return kShapeKinds[static_cast<std::size_t>(request.kind)].make(request);
}

std::vector<std::uint32_t> Shape::coordinates(std::uint32_t vertex) const {
  if (rank == 0) return {vertex};
  const auto first = positions.begin() + static_cast<std::ptrdiff_t>(std::size_t{vertex} * rank);
  return {first, first + rank};
}

std::uint32_t ShapeBuilder::numbered_ports(std::string_view word, std::uint32_t count) {
  const auto first = static_cast<std::uint32_t>(shape_.ports.size());
  for (std::uint32_t i = 0; i < count; ++i) port(text(word, i));
  return first;
}

Result<void> check_size(std::string_view what, std::uint64_t edges, std::uint64_t ports) {
  if (edges > kMaxEdges) {
    return fail(ErrorCode::kLimit, what, " has ", edges, " edges; a topology has at most ",
                kMaxEdges, ": use fewer tasks or a sparser shape");
  }
  if (ports > queue::kMaxPortsPerTask) {
    return fail(ErrorCode::kLimit, what, " gives one task ", ports, " ports; a task has at most ",
                queue::kMaxPortsPerTask, ": use fewer tasks or a sparser shape");
  }
  return {};
}

}  // namespace mvm::model
