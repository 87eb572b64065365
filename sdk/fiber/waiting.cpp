// SPDX-License-Identifier: Apache-2.0

// The calls that let time pass let other tasks run meanwhile.

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

#include <mvm/base/clock.hpp>
#include <mvm/types.hpp>

#include "scheduler.hpp"
#include "task_body.hpp"

namespace {

using mvm::fiber::Scheduler;

constexpr std::int64_t kSecond = 1'000'000'000;

template <typename Function>
Function behind(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool is_valid(const timespec& time) {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < kSecond;
}

/// As far ahead as a number can tell: centuries.
std::int64_t in_ns(const timespec& time) {
  constexpr std::int64_t kMost = INT64_MAX / 4 / kSecond;
  return (time.tv_sec > kMost ? kMost : time.tv_sec) * kSecond + time.tv_nsec;
}

void pass(std::int64_t duration_ns) {
  auto* scheduler = Scheduler::of_this_process();
  if (duration_ns <= 0) return scheduler->yield();
  scheduler->sleep_until(mvm::monotonic_ns() + duration_ns);
}

}  // namespace

extern "C" {

MVM_API int nanosleep(const timespec* length, timespec* left) {
  if (!mvm::fiber::is_task()) return behind<decltype(&::nanosleep)>("nanosleep")(length, left);
  if (!is_valid(*length)) return errno = EINVAL, -1;
  pass(in_ns(*length));
  return 0;
}

MVM_API int clock_nanosleep(clockid_t clock, int flags, const timespec* length, timespec* left) {
  if (!mvm::fiber::is_task()) {
    return behind<decltype(&::clock_nanosleep)>("clock_nanosleep")(clock, flags, length, left);
  }
  if (!is_valid(*length)) return EINVAL;
  auto duration = in_ns(*length);
  if ((flags & TIMER_ABSTIME) != 0) {
    timespec time{};
    if (::clock_gettime(clock, &time) != 0) return EINVAL;
    duration -= in_ns(time);
  }
  pass(duration);
  return 0;
}

MVM_API unsigned int sleep(unsigned int seconds) {
  if (!mvm::fiber::is_task()) return behind<decltype(&::sleep)>("sleep")(seconds);
  pass(seconds * kSecond);
  return 0;
}

MVM_API int usleep(useconds_t microseconds) {
  if (!mvm::fiber::is_task()) return behind<decltype(&::usleep)>("usleep")(microseconds);
  pass(microseconds * std::int64_t{1000});
  return 0;
}

MVM_API int sched_yield() noexcept {
  if (!mvm::fiber::is_task()) return behind<decltype(&::sched_yield)>("sched_yield")();
  Scheduler::of_this_process()->yield();
  return 0;
}

}  // extern "C"
