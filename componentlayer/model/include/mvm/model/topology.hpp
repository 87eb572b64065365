// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/model/shape.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::model {

/// One task as a vertex.
struct Vertex {
  std::uint32_t job = 0;    ///< index into Profile::jobs
  std::uint32_t index = 0;  ///< within its job
  std::vector<std::uint32_t>
      coordinates;  ///< in the first graph over it that has some, else {index}
};

/// One directed edge, from a sending port to a receiving port.
struct Edge {
  std::uint32_t from = 0;  ///< vertex
  std::uint32_t to = 0;
  std::uint32_t from_port = 0;  ///< index into Topology::ports
  std::uint32_t to_port = 0;
  std::uint32_t statement = 0;  ///< which graph (from 0) or link (after the graphs) made it; edges
                                ///< of one statement that leave one port form a send group
  std::uint32_t weight = 1;
  queue::Spread spread = queue::Spread::kOneToOne;
  bool operator==(const Edge&) const = default;
};

/// One directed edge between a task and programs outside of the group.
struct OpenEdge {
  std::uint32_t task = 0;          ///< vertex
  std::uint32_t task_port = 0;     ///< index into Topology::ports
  std::uint32_t outside_port = 0;  ///< index into Topology::ports
  std::uint32_t statement = 0;     ///< index into Profile::openings; edges of one make a send group
  bool enters = true;              ///< the task receives; else it sends
  queue::Spread spread = queue::Spread::kOneToOne;
  bool operator==(const OpenEdge&) const = default;
};

/// The logical graph of tasks: platform independent. Edges of a two-way shape come in pairs.
/// What leaves `x+` arrives at the neighbour's `x-`. Edges are in the order of the statements; in
/// a link, those that leave one port are next to each other.
struct Topology {
  std::vector<Vertex> vertices;  ///< in the order of jobs, then index
  std::vector<Edge> edges;
  std::vector<OpenEdge> open_edges;  ///< in the order of the statements
  std::vector<std::string> ports;    ///< port names, each once

  [[nodiscard]] std::string vertex_name(const Profile& profile, std::uint32_t vertex) const;
};

/// Expands every graph, link and open port of a profile; jobs without any stay as vertices without
/// edges. A graph lies over the tasks of its jobs in the order named. A link that names no spread
/// takes that of the queue type of its receiving end. Errors point at the statement: a count that
/// does not fit the shape, an unknown job, two graphs that give one job the same port, a port that
/// is open in both directions, a size over a limit, a graph file that cannot be read. All in one
/// go, by file and line.
[[nodiscard]] std::expected<Topology, Diagnostics> expand_topology(const Profile& profile);

/// So that "job[index].port" stays within queue::kMaxNameLength, and readable.
inline constexpr std::size_t kMaxPortName = 255;

}  // namespace mvm::model
