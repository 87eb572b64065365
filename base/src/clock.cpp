// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/clock.hpp>

#include <ctime>

namespace mvm {

std::int64_t monotonic_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

}  // namespace mvm
