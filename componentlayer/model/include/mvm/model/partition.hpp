// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include <mvm/model/topology.hpp>

namespace mvm::model {

/// Divides `vertices` of a topology into shares.size() parts so that the edges between parts weigh
/// little (METIS, then exchanges while one helps). Returns the part of each of `vertices`.
///
/// Part p gets shares[p] of the sum of shares, rounded up or down, never more. Parts next to each
/// other in number are close in the graph, so that numbered neighbours (cores under one cache) get
/// neighbours. Edges to other vertices and from a vertex to itself do not count. Deterministic.
/// Every share is at least 1. Not thread safe: METIS uses the C library's random numbers.
[[nodiscard]] std::vector<std::uint32_t> partition(const Topology& topology,
                                                   const std::vector<std::uint32_t>& vertices,
                                                   const std::vector<std::uint32_t>& shares);

/// How many of `tasks` each part may have at most: its share of them, rounded so that all fit.
[[nodiscard]] std::vector<std::uint32_t> quotas(std::uint32_t tasks,
                                                const std::vector<std::uint32_t>& shares);

}  // namespace mvm::model
