// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <mvm/model/topology.hpp>

namespace mvm::model {

/// True for edges of one send group: what one statement lets leave one port. The topology keeps
/// them next to each other.
inline bool leave_together(const Edge& a, const Edge& b) {
  return a.from == b.from && a.from_port == b.from_port && a.statement == b.statement;
}
inline bool leave_together(const OpenEdge& a, const OpenEdge& b) {
  return a.enters && b.enters && a.statement == b.statement;
}

/// Calls `visit` with the edges of each channel, in order: one edge, or all that share a queue.
template <typename EdgeKind, typename Visit>
void for_each_run(const std::vector<EdgeKind>& all, Visit visit) {
  const std::span<const EdgeKind> edges(all);
  for (std::size_t begin = 0, end = 0; begin < edges.size(); begin = end) {
    end = begin + 1;
    if (edges[begin].spread == queue::Spread::kShared) {
      while (end < edges.size() && leave_together(edges[begin], edges[end])) ++end;
    }
    visit(edges.subspan(begin, end - begin));
  }
}

/// The same for all channels of a topology: those between tasks, then those that enter or leave.
template <typename Visit, typename VisitOpen>
void for_each_channel(const Topology& topology, Visit visit, VisitOpen visit_open) {
  for_each_run(topology.edges, visit);
  for_each_run(topology.open_edges, visit_open);
}

}  // namespace mvm::model
