// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/units.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::run {

/// The life of a job group.
enum class GroupState : std::uint8_t {
  kPending,
  kBuilding,
  kStarting,
  kRunning,
  kSuspended,
  kLingering,  ///< its tasks have ended; open ports still hold messages for programs outside
  kCompleted,
  kFailed,
  kCancelled,
  kTimeout,
  kLost,
};

[[nodiscard]] std::string_view to_string(GroupState state);  ///< "PENDING", …
[[nodiscard]] std::optional<GroupState> parse_group_state(std::string_view word);

/// Exit statuses of `mvm run` beside a task's own.
namespace exit_status {
inline constexpr int kSuccess = 0;
inline constexpr int kUsage = 2;
inline constexpr int kDeadlock = 122;
inline constexpr int kTimeLimit = 124;
inline constexpr int kRefused = 125;  ///< invalid profile, launch, no resources
inline constexpr int kBuildFailed = 126;
inline constexpr int kInterrupted = 130;  ///< interrupted or cancelled
}  // namespace exit_status

/// How a task came to its end.
enum class TaskEnd : std::uint8_t {
  kNotStarted,
  kSucceeded,   ///< exit code 0
  kFailed,      ///< another exit code
  kSignalled,   ///< ended by a signal that was not ours
  kFollower,    ///< an uncaught mvm::closed: fell with a neighbour, no failure of its own
  kStopped,     ///< ended by us, with its group
  kLostWorker,  ///< a fiber that a neighbour in its worker took along
};

[[nodiscard]] std::string_view to_string(TaskEnd end);  ///< "succeeded", "failed", …

struct TaskOutcome {
  std::uint32_t id = 0;
  std::string name;  ///< "cell[3]"
  std::uint32_t machine = 0;
  std::int32_t core = -1;
  std::int64_t pid = 0;
  TaskEnd end = TaskEnd::kNotStarted;
  int status = 0;   ///< exit code, or the signal's number for kSignalled
  Duration ran{0};  ///< from release to end
  Duration cpu{0};
  Bytes peak_memory;
};

/// What one channel did, counted in messages: enqueued = dequeued + dropped + left +
/// lost_with_task, once the group has ended.
struct ChannelFigures {
  std::uint64_t channel = 0;
  std::string from;  ///< "cell[0].x+"
  std::string to;    ///< "cell[1].x-", or "worker[*].in" for a shared queue
  queue::QueueType type = queue::QueueType::kFifo;
  queue::Overflow overflow = queue::Overflow::kBlock;
  std::uint32_t capacity = 0;  ///< messages
  std::uint64_t enqueued = 0;
  std::uint64_t dequeued = 0;
  std::array<std::uint64_t, queue::kDropCauses> drops{};  ///< by queue::DropCause
  std::uint64_t left = 0;            ///< still in the queue: its depth while the group runs
  std::uint64_t lost_with_task = 0;  ///< unread when their receiver died
  std::uint64_t late = 0;            ///< of `dequeued`: taken after their deadline
  Bytes bytes;                       ///< payload enqueued
  std::uint64_t high_water = 0;      ///< the most messages that were in the queue at a time
  Duration sender_blocked{0};        ///< waited for room
  Duration receiver_blocked{0};      ///< waited for messages, all receivers together
  bool closed = false;               ///< nothing more will come

  [[nodiscard]] std::uint64_t dropped() const;
};

/// "overflow", "lost", …: as in summaries.
[[nodiscard]] std::string_view to_string(queue::DropCause cause);

/// The result of a group, as `summary.json` tells it.
struct GroupOutcome {
  std::string group;
  GroupState state = GroupState::kPending;
  int exit_status = exit_status::kRefused;
  std::string cause;  ///< one sentence: "cell[2] exited with 7", "wall-time of 2 s passed"
  std::uint32_t deadlocks = 0;  ///< knots of tasks that waited for each other
  Duration build{0};
  Duration start{0};  ///< from built to released
  Duration ran{0};    ///< from release to the last task's end
  std::vector<TaskOutcome> tasks;
  std::vector<ChannelFigures> channels;
};

}  // namespace mvm::run
