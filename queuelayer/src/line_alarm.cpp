// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/line_alarm.hpp>

#include <sys/timerfd.h>
#include <unistd.h>

namespace mvm::queue {

LineAlarm::LineAlarm() : timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {}

void LineAlarm::ring_by(std::int64_t time_ns) {
  auto due_ns = due_ns_.load(std::memory_order_seq_cst);
  do {
    if (due_ns <= time_ns) return;
  } while (!due_ns_.compare_exchange_weak(due_ns, time_ns, std::memory_order_seq_cst));
  const itimerspec setting{{}, {time_ns / 1'000'000'000, time_ns % 1'000'000'000}};
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

/// Before what it rang for is looked at: who sets it after that is heard again.
void LineAlarm::reset() {
  std::uint64_t rings = 0;
  [[maybe_unused]] const auto got = ::read(timer_.get(), &rings, sizeof rings);
  due_ns_.store(kUnset, std::memory_order_seq_cst);
}

}  // namespace mvm::queue
