// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/units.hpp>

namespace mvm::run {

/// The life of a job group.
enum class GroupState : std::uint8_t {
  kPending,
  kBuilding,
  kStarting,
  kRunning,
  kSuspended,
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
  kSucceeded,  ///< exit code 0
  kFailed,     ///< another exit code
  kSignalled,  ///< ended by a signal that was not ours
  kFollower,   ///< an uncaught mvm::closed: fell with a neighbour, no failure of its own
  kStopped,    ///< ended by us, with its group
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
/// lost_with_task.
struct ChannelFigures {
  std::uint64_t channel = 0;
  std::string from;  ///< "cell[0].x+"
  std::string to;    ///< "cell[1].x-", or "worker[*].in" for a shared queue
  std::uint64_t enqueued = 0;
  std::uint64_t dequeued = 0;
  std::uint64_t dropped = 0;
  std::uint64_t left = 0;            ///< still in the queue at the end, receiver alive to the end
  std::uint64_t lost_with_task = 0;  ///< unread when their receiver died
  Bytes bytes;                       ///< payload enqueued
};

/// The result of a group, as `summary.json` tells it.
struct GroupOutcome {
  std::string group;
  GroupState state = GroupState::kPending;
  int exit_status = exit_status::kRefused;
  std::string cause;  ///< one sentence: "cell[2] exited with 7", "wall-time of 2 s passed"
  Duration build{0};
  Duration start{0};  ///< from built to released
  Duration ran{0};    ///< from release to the last task's end
  std::vector<TaskOutcome> tasks;
  std::vector<ChannelFigures> channels;
};

}  // namespace mvm::run
