// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace mvm {

using SteadyTime = std::chrono::steady_clock::time_point;

[[nodiscard]] inline SteadyTime now() {
  return std::chrono::steady_clock::now();
}

/// Nanoseconds of CLOCK_MONOTONIC: one clock for all processes of a host.
[[nodiscard]] std::int64_t monotonic_ns();

}  // namespace mvm
