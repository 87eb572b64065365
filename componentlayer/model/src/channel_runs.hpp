// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <span>

#include <mvm/model/topology.hpp>

namespace mvm::model {

/// True for edges of one send group: what one statement lets leave one port. The topology keeps
/// them next to each other.
inline bool leave_together(const Edge& a, const Edge& b) {
  return a.from == b.from && a.from_port == b.from_port && a.statement == b.statement;
}

/// Calls `visit` with the edges of each channel, in order: one edge, or all that share a queue.
template <typename Visit>
void for_each_channel(const Topology& topology, Visit visit) {
  const std::span<const Edge> edges(topology.edges);
  for (std::size_t begin = 0, end = 0; begin < edges.size(); begin = end) {
    end = begin + 1;
    if (edges[begin].spread == queue::Spread::kShared) {
      while (end < edges.size() && leave_together(edges[begin], edges[end])) ++end;
    }
    visit(edges.subspan(begin, end - begin));
  }
}

}  // namespace mvm::model
