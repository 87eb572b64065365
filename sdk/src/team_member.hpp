// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mvm/job.hpp>
#include <mvm/queuelayer/board.hpp>

#include "machine_tree.hpp"

namespace mvm {

class Task;

/// What stands behind a `Team`: this task's place at the board, and, where it is the leader of its
/// machine, the hidden ports to those of others.
class TeamMember {
 public:
  TeamMember(Task& task, std::unique_ptr<queue::Board> board);
  ~TeamMember();
  TeamMember(const TeamMember&) = delete;
  TeamMember& operator=(const TeamMember&) = delete;

  [[nodiscard]] Team& team() { return *team_; }
  [[nodiscard]] queue::Board& board() { return *board_; }
  [[nodiscard]] const std::string& task_name() const;
  /// A leader's way to another machine; null where there is none.
  [[nodiscard]] Port* up() const { return up_; }
  [[nodiscard]] Port* down(std::uint32_t child) const { return down_[child]; }
  [[nodiscard]] const std::optional<MachineTree>& tree() const { return tree_; }

  /// Takes part no more, and tells those who wait. Idempotent.
  void leave();
  [[nodiscard]] bool has_left() const { return left_; }

 private:
  Task& task_;
  std::unique_ptr<queue::Board> board_;
  Team* team_ = nullptr;
  std::optional<MachineTree> tree_;  ///< of a leader in a team on several machines
  Port* up_ = nullptr;
  Port* down_[2] = {};
  bool left_ = false;
};

/// Reaches what `Team` keeps from jobs.
struct TeamAccess {
  static TeamMember& member(const Team& team) { return *static_cast<TeamMember*>(team.state_); }
  static Team* make(TeamMember* member);
  static void destroy(Team* team);
};

/// What members compare of their calls.
[[nodiscard]] queue::Call make_call(detail::Collective kind, detail::Combine combine,
                                    std::uint32_t type);

/// One operation on the board, from its begin to its finish. When it is left by an exception, the
/// member leaves the team, so that nobody waits for it.
class Operation {
 public:
  /// `in_blocks`: contributions are blocks, one for each member, and only what the members of a
  /// machine need goes there.
  Operation(TeamMember& member, queue::Call call, const queue::Pattern& pattern,
            bool in_blocks = false);
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  /// Contributes a copy of these bytes, which must stay until `finish`.
  void give(std::span<const std::byte> bytes);
  /// Memory to write a contribution to, shown by `show`.
  [[nodiscard]] std::byte* reserve(std::uint64_t length);
  void show();

  /// Carries between machines what others need. Between the contribution and `of`.
  void carry();
  /// Waits until that member has contributed.
  void wait_for(std::uint32_t writer);
  /// What that member contributed; waits for it.
  [[nodiscard]] std::span<const std::byte> of(std::uint32_t writer);
  void finish();

 private:
  [[nodiscard]] bool has_readers() const;
  void send(Port& port, const std::vector<std::uint32_t>& writers, std::uint32_t top, bool upwards);
  void receive(Port& port, const std::vector<std::uint32_t>& writers);
  bool unpack(const Message& message, const std::vector<std::uint32_t>& writers);
  [[noreturn]] void refuse(queue::Board::Met met) const;
  [[noreturn]] void refuse_end() const;
  [[noreturn]] void refuse(const std::string& reason) const;

  TeamMember& member_;
  queue::Board& board_;
  queue::Pattern pattern_;
  bool in_blocks_;
  bool finished_ = false;
};

/// Contributions in blocks: the length of each block in the order of the members, then the blocks.
/// Where a block was left out because its reader is elsewhere, its length has this bit.
inline constexpr std::uint64_t kLeftOut = 1ull << 63;

/// The block for `reader`. Nothing when the bytes do not hold together, or it was left out.
[[nodiscard]] std::optional<std::span<const std::byte>> block_for(
    std::uint32_t reader, std::uint32_t members, std::span<const std::byte> contribution);

}  // namespace mvm
