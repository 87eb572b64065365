// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/clock.hpp>

#include <cstdio>
#include <ctime>

namespace mvm {

std::int64_t monotonic_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

std::string timestamp_utc() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  tm parts{};
  gmtime_r(&time.tv_sec, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  char full[48];
  std::snprintf(full, sizeof full, "%s.%03ldZ", date, time.tv_nsec / 1'000'000);
  return full;
}

}  // namespace mvm
