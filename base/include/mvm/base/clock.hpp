// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mvm {

using SteadyTime = std::chrono::steady_clock::time_point;

[[nodiscard]] inline SteadyTime now() { return std::chrono::steady_clock::now(); }

/// Nanoseconds of CLOCK_MONOTONIC: one clock for all processes of a host.
[[nodiscard]] std::int64_t monotonic_ns();

/// Wall clock in UTC, "2026-01-31T23:59:59.123Z".
[[nodiscard]] std::string timestamp_utc();

}  // namespace mvm
