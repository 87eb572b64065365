// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>

namespace mvm::cli {

struct TaskView {
  std::string name;
  std::uint32_t machine = 0;
  std::string condition;  ///< "runs", "waits", …; of an ended group how it ended: "succeeded"
  std::string waits_for;  ///< "receive prev"; empty when it does not wait
  double waits_seconds = 0;
};

struct QueueView {
  std::uint64_t channel = 0;
  std::string from;
  std::string to;
  std::string type;
  std::uint64_t enqueued = 0;
  std::uint64_t dequeued = 0;
  std::uint64_t dropped = 0;
  std::string drops;        ///< "2 overflow, 1 late"
  std::uint64_t depth = 0;  ///< messages in the queue
  std::uint64_t lost_with_task = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t high_water = 0;
  double sender_blocked_seconds = 0;
  double receiver_blocked_seconds = 0;
};

/// Tasks and queues of a group at one time, as its door or its summary tells.
struct GroupView {
  std::string group;
  std::string state;
  double run_seconds = 0;
  double clock_seconds = 0;  ///< to measure rates between two views; 0 of a summary
  bool deadlock = false;
  std::vector<TaskView> tasks;
  std::vector<QueueView> queues;
};

/// Reads what the door answers to kAskStatus, or a summary.json. kSystem for what is neither.
[[nodiscard]] Result<GroupView> read_group_view(const std::string& json);

/// How long a group may take to answer at its door.
inline constexpr std::chrono::seconds kDoorPatience{30};

}  // namespace mvm::cli
