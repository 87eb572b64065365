// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "job_names.hpp"
#include "reading.hpp"

namespace mvm::model {

/// Reads `<queues>`: the plugins that it declares, and the rules. Whether a rule matches any queue,
/// whether rules contradict each other, and whether the settings of a queue go together is checked
/// by `make_plan`.
void read_queues(const XmlElement& element, Reading& reading, const JobNames& jobs,
                 Profile& profile);

/// Rules that name single tasks are compared with each port of their tasks.
inline constexpr std::size_t kMaxQueueRules = 10'000;

/// Limits of a queue's times, so that sums of them stay far from the end of the clock.
inline constexpr Duration kMaxTimeToLive = std::chrono::hours(24 * 365);
inline constexpr Duration kMaxLatency = std::chrono::hours(1);  ///< of an emulated link; and jitter
inline constexpr Duration kMaxInterval = std::chrono::hours(24);  ///< of a rate limit
inline constexpr std::uint64_t kMinBandwidth = 100;  ///< bits per second: 1 GiB takes three years
inline constexpr std::uint64_t kMaxBandwidth = 100'000'000'000'000;

inline constexpr std::int32_t kMaxZstdLevel = 22;
inline constexpr std::int32_t kMaxLz4Level = 12;

}  // namespace mvm::model
