// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::model {

/// One task as a vertex.
struct Vertex {
  std::uint32_t job = 0;      ///< index into Profile::jobs
  std::uint32_t index = 0;    ///< within its job
  std::vector<std::uint32_t> coordinates;  ///< of the first graph over it that has some
};

/// One directed edge, from a sending port to a receiving port.
struct Edge {
  std::uint32_t from = 0;       ///< vertex
  std::uint32_t to = 0;
  std::uint32_t from_port = 0;  ///< index into Topology::ports
  std::uint32_t to_port = 0;
  std::uint32_t statement = 0;  ///< which graph or link made it; edges of one statement that leave
                                ///< one port form a send group
  std::uint32_t weight = 1;
  queue::Spread spread = queue::Spread::kOneToOne;
  bool operator==(const Edge&) const = default;
};

/// The logical graph of tasks: platform independent. Edges of a two-way shape come in pairs.
/// What leaves `x+` arrives at the neighbour's `x-`.
struct Topology {
  std::vector<Vertex> vertices;        ///< in the order of jobs, then index
  std::vector<Edge> edges;
  std::vector<std::string> ports;      ///< port names, each once

  [[nodiscard]] std::string vertex_name(const Profile& profile, std::uint32_t vertex) const;
};

/// Expands every graph and link of a profile. Errors point at the statement: a count that does not
/// fit the shape, an unknown job or port, a size over a limit, a graph file that cannot be read.
[[nodiscard]] std::expected<Topology, Diagnostics> expand_topology(const Profile& profile);

/// Shapes alone, over `count` anonymous vertices: the generators behind `expand_topology`.
struct ShapeRequest {
  GraphKind kind = GraphKind::kRing;
  std::uint32_t count = 0;
  std::uint32_t first_part = 0;         ///< bipartite: vertices of the first side; 0: half of them
  std::vector<std::uint32_t> dims;
  std::uint32_t arity = 2;
  std::uint32_t stages = 0;             ///< butterfly; 0: from the count
  std::uint32_t degree = 3;
  std::uint64_t seed = 1;
  std::filesystem::path href;
};

/// An edge between anonymous vertices, with port names.
struct ShapeEdge {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint32_t from_port = 0;  ///< index into Shape::ports
  std::uint32_t to_port = 0;
  bool operator==(const ShapeEdge&) const = default;
};

struct Shape {
  std::uint32_t count = 0;
  std::vector<ShapeEdge> edges;
  std::vector<std::string> ports;
  std::vector<std::uint32_t> dims;      ///< mesh, torus, hypercube (all 2), butterfly (stages, width)

  /// The position of a vertex; {vertex} where the shape has no dims.
  [[nodiscard]] std::vector<std::uint32_t> coordinates(std::uint32_t vertex) const;
};

/// kInvalidProfile with the reason and the nearest counts that would fit; kLimit over kMaxEdges.
[[nodiscard]] Result<Shape> make_shape(const ShapeRequest& request);

inline constexpr std::uint64_t kMaxEdges = 10'000'000;

}  // namespace mvm::model
