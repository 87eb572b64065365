// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include <mvm/queuelayer/board.hpp>

namespace mvm {

/// The machines of a team as a binary tree, in ascending order: the parent of the machine at
/// position p is at (p - 1) / 2. What members of other machines need travels along its edges,
/// between the leaders.
class MachineTree {
 public:
  explicit MachineTree(const queue::Board& board) : board_(board) {
    std::vector<std::uint32_t> machines;
    for (std::uint32_t member = 0; member < board.count(); ++member) {
      machines.push_back(board.machine_of(member));
    }
    std::ranges::sort(machines);
    machines.erase(std::ranges::unique(machines).begin(), machines.end());
    const auto position = [&](std::uint32_t machine) {
      return static_cast<std::uint32_t>(std::ranges::lower_bound(machines, machine) -
                                        machines.begin());
    };
    for (std::uint32_t member = 0; member < board.count(); ++member) {
      positions_.push_back(position(board.machine_of(member)));
    }
    own_ = position(board.machine());
    size_ = static_cast<std::uint32_t>(machines.size());
  }

  [[nodiscard]] std::uint32_t own() const { return own_; }
  [[nodiscard]] bool has_parent() const { return own_ > 0; }
  /// The position of this machine's child 0 or 1, if it has that.
  [[nodiscard]] std::optional<std::uint32_t> child(std::uint32_t which) const {
    const auto position = 2 * own_ + 1 + which;
    if (position >= size_) return {};
    return position;
  }

  /// True when the member's machine is this one or below it.
  [[nodiscard]] bool is_below(std::uint32_t top, std::uint32_t member) const {
    auto position = positions_[member];
    while (position > top) position = (position - 1) / 2;
    return position == top;
  }

  /// The writers whose contributions must cross the edge above `top`, ascending: those below it
  /// (`upwards`), or those elsewhere, whom some member on the other side reads.
  [[nodiscard]] std::vector<std::uint32_t> crossing(const queue::Pattern& pattern,
                                                    std::uint32_t top, bool upwards) const {
    std::optional<std::uint32_t> last_reader;
    for (std::uint32_t member = 0; member < board_.count(); ++member) {
      const bool far = is_below(top, member) != upwards;
      if (far && board_.plays(pattern.readers, pattern.owners, member)) last_reader = member;
    }
    std::vector<std::uint32_t> writers;
    if (!last_reader) return writers;
    for (std::uint32_t member = 0; member < board_.count(); ++member) {
      if (is_below(top, member) != upwards) continue;
      if (pattern.only_lower && member > *last_reader) break;
      if (board_.plays(pattern.writers, pattern.owners, member)) writers.push_back(member);
    }
    return writers;
  }

 private:
  const queue::Board& board_;
  std::vector<std::uint32_t> positions_;  ///< by member
  std::uint32_t own_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace mvm
