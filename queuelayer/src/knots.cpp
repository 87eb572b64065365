// SPDX-License-Identifier: Apache-2.0
#include "knots.hpp"

#include <algorithm>
#include <limits>
#include <unordered_set>

namespace mvm::queue {

/// Who can move is found backwards, from the free nodes to those that wait for them.
void WaitNodes::solve() {
  const auto count = free_.size();
  std::vector<std::vector<std::uint32_t>> waiters(count);
  std::vector<std::uint32_t> to_visit;
  for (std::uint32_t node = 0; node < count; ++node) {
    if (free_[node]) {
      to_visit.push_back(node);
    } else {
      for (const auto other : waits_[node]) waiters[other].push_back(node);
    }
  }
  stuck_.assign(count, true);
  for (const auto node : to_visit) stuck_[node] = false;
  while (!to_visit.empty()) {
    const auto node = to_visit.back();
    to_visit.pop_back();
    for (const auto waiter : waiters[node]) {
      if (!stuck_[waiter]) continue;
      stuck_[waiter] = false;
      to_visit.push_back(waiter);
    }
  }
}

/// Tarjan's algorithm over the stuck nodes, with a stack of its own: the chain of waits may be as
/// long as the group is large. A stuck node waits for stuck ones only.
class WaitNodes::ComponentFinder {
 public:
  explicit ComponentFinder(const WaitNodes& nodes)
      : nodes_(nodes),
        order_(nodes.free_.size(), kUnseen),
        low_(nodes.free_.size()),
        component_(nodes.free_.size(), kUnseen) {
    for (std::uint32_t node = 0; node < order_.size(); ++node) {
      if (nodes.stuck_[node] && order_[node] == kUnseen) visit(node);
    }
  }

  /// Components that no wait leaves.
  [[nodiscard]] std::vector<std::vector<std::uint32_t>> closed() const {
    std::vector<bool> leaves(components_.size());
    for (std::uint32_t node = 0; node < order_.size(); ++node) {
      if (!nodes_.stuck_[node]) continue;
      for (const auto other : nodes_.waits_[node]) {
        if (component_[other] != component_[node]) leaves[component_[node]] = true;
      }
    }
    std::vector<std::vector<std::uint32_t>> found;
    for (std::size_t i = 0; i < components_.size(); ++i) {
      if (!leaves[i]) found.push_back(components_[i]);
    }
    return found;
  }

 private:
  static constexpr auto kUnseen = std::numeric_limits<std::uint32_t>::max();
  struct Step {
    std::uint32_t node;
    std::size_t next_wait = 0;
  };

  void visit(std::uint32_t root) {
    enter(root);
    while (!path_.empty()) {
      auto& [node, next_wait] = path_.back();
      const auto& waits = nodes_.waits_[node];
      if (next_wait < waits.size()) {
        const auto other = waits[next_wait++];
        if (order_[other] == kUnseen) {
          enter(other);
        } else if (component_[other] == kUnseen) {
          low_[node] = std::min(low_[node], order_[other]);
        }
      } else {
        leave();
      }
    }
  }

  void enter(std::uint32_t node) {
    order_[node] = low_[node] = seen_++;
    open_.push_back(node);
    path_.push_back({node});
  }

  void leave() {
    const auto node = path_.back().node;
    path_.pop_back();
    if (!path_.empty()) low_[path_.back().node] = std::min(low_[path_.back().node], low_[node]);
    if (low_[node] != order_[node]) return;
    auto& component = components_.emplace_back();
    std::uint32_t member = kUnseen;
    do {
      member = open_.back();
      open_.pop_back();
      component_[member] = static_cast<std::uint32_t>(components_.size() - 1);
      component.push_back(member);
    } while (member != node);
  }

  const WaitNodes& nodes_;
  std::vector<std::uint32_t> order_;      ///< of the first visit
  std::vector<std::uint32_t> low_;        ///< the earliest node that is reached from here
  std::vector<std::uint32_t> component_;  ///< of nodes that are done
  std::vector<std::vector<std::uint32_t>> components_;
  std::vector<std::uint32_t> open_;
  std::vector<Step> path_;
  std::uint32_t seen_ = 0;
};

std::vector<std::vector<std::uint32_t>> WaitNodes::knots() const {
  std::vector<std::vector<std::uint32_t>> knots;
  for (auto& component : ComponentFinder(*this).closed()) {
    knots.push_back(in_turn(std::move(component)));
  }
  std::ranges::sort(knots);
  return knots;
}

std::vector<std::uint32_t> WaitNodes::in_turn(std::vector<std::uint32_t> knot) const {
  std::ranges::sort(knot);
  std::vector<std::uint32_t> turn;
  std::unordered_set<std::uint32_t> told;
  for (auto node = knot.front(); told.insert(node).second;) {
    turn.push_back(node);
    for (const auto other : waits_[node]) {
      if (!told.contains(other)) {
        node = other;
        break;
      }
    }
  }
  for (const auto node : knot) {
    if (!told.contains(node)) turn.push_back(node);
  }
  return turn;
}

}  // namespace mvm::queue
