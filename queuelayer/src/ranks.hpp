// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

/// What a queue type is, in one number per message: its rank. Receivers take the lowest first; of
/// equal ranks, the oldest.
namespace mvm::queue {

/// Ranks of one level of priority lie next to each other: a level holds so many bits of numbers.
inline constexpr int kLevelShift = 48;

/// 0 is the most urgent level. Without levels, and above the highest, it counts as the highest.
inline std::uint32_t level_of_priority(std::uint32_t levels, std::uint32_t priority) {
  return levels - std::min(priority, levels - 1) - 1;
}

/// The rank of message `number`; for every type but kCustom, which asks its plugin.
inline std::int64_t rank_of(QueueType type, std::uint64_t number, std::uint32_t level,
                            std::int64_t deadline_ns) {
  const auto n = static_cast<std::int64_t>(number);
  switch (type) {
    case QueueType::kPriority:
      return std::int64_t{level} << kLevelShift | n;
    case QueueType::kLifo:
    case QueueType::kLatest:
      return -n;
    case QueueType::kDeadline:
      return deadline_ns;
    case QueueType::kFifo:
    case QueueType::kCustom:
      break;
  }
  return n;
}

/// The part of a rank that says how urgent a message is, whatever its age: the lower, the more.
/// Comparable between queues of one type.
inline std::int64_t urgency_of(QueueType type, std::int64_t rank) {
  switch (type) {
    case QueueType::kPriority:
      return rank >> kLevelShift;
    case QueueType::kDeadline:
    case QueueType::kCustom:
      return rank;
    case QueueType::kFifo:
    case QueueType::kLifo:
    case QueueType::kLatest:
      break;
  }
  return 0;
}

}  // namespace mvm::queue
