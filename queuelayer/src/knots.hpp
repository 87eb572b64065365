// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace mvm::queue {

/// Nodes that wait for each other. A node can move when it is free, or when one that it waits for
/// can; the others are stuck. Small numbers are compact: a group may have millions of edges.
class WaitNodes {
 public:
  explicit WaitNodes(std::size_t count) : free_(count), waits_(count) {}

  void free(std::uint32_t node) { free_[node] = true; }
  void wait_for(std::uint32_t node, std::uint32_t other) { waits_[node].push_back(other); }

  /// To be called once, when everything is told.
  void solve();
  [[nodiscard]] bool is_stuck(std::uint32_t node) const { return stuck_[node]; }

  /// Of the stuck nodes, the sets that wait for themselves only: strongly connected, with no wait
  /// that leads out. Each as a circle from its lowest node on as far as one waits for the next,
  /// then the others in order.
  [[nodiscard]] std::vector<std::vector<std::uint32_t>> knots() const;

 private:
  class ComponentFinder;
  [[nodiscard]] std::vector<std::uint32_t> in_turn(std::vector<std::uint32_t> knot) const;

  std::vector<bool> free_;
  std::vector<std::vector<std::uint32_t>> waits_;
  std::vector<bool> stuck_;
};

}  // namespace mvm::queue
