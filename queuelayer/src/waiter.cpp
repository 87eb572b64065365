// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/waiter.hpp>

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/futex.hpp>

namespace mvm::queue {
namespace {

/// Rounds of `pause` on a core of one's own: about 30 us, a little more than the 10 to 15 us that
/// waking a process on another core was measured to cost, so that a prompt answer is never missed.
constexpr std::uint32_t kSpinRounds = 1000;
/// Hand-overs of a shared core: each costs about a microsecond when nobody else can run.
constexpr std::uint32_t kYieldRounds = 3;
/// The same on a core of one's own that the link's threads may need. A time, because others may
/// have the core for long when it is handed over, and who sleeps comes before them when it is
/// woken.
constexpr std::int64_t kLinkNs = 200'000;
/// Where looking does what the link's threads do elsewhere, they rarely need the core.
constexpr std::uint32_t kLooksBeforeYield = 16;
/// The kernel may be out of memory for a fence; then a wake-up may be missed.
constexpr std::int64_t kNapWithoutFence = 1'000'000;
/// The clock may be stopped and started by others, so no sleep relies on it for longer than this.
constexpr std::int64_t kLongestSleepNs = 1'000'000'000;

/// Every thread of this process passes a fence. A process registers once; older kernels have the
/// slow variety only.
void fence_all_threads() {
  static const bool registered =
      ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  ::syscall(SYS_membarrier, registered ? MEMBARRIER_CMD_PRIVATE_EXPEDITED : MEMBARRIER_CMD_GLOBAL,
            0, 0);
}

}  // namespace

bool fence_group() {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0 ||
         ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0;  // slow, needs no memory
}

bool join_group_fences() {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

void ring_slowly(EndpointRecord& endpoint) {
  endpoint.bell.fetch_add(1, std::memory_order_release);
  futex_wake_all(endpoint.bell);
}

void ring_fiber(EndpointRecord& endpoint) {
  auto* host = FiberHost::of_this_process();
  if (host != nullptr) {
    host->wake(endpoint);
  } else {
    wake_fiber_elsewhere(endpoint);
  }
  fence_before_looking_at(endpoint);
  if (endpoint.sleepers.load(std::memory_order_relaxed) != 0) ring_slowly(endpoint);
}

void ring_fiber_for_message(EndpointRecord& endpoint) {
  if (FiberHost::runs_here(endpoint)) {
    FiberHost::of_this_thread()->wake_here(endpoint);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (endpoint.sleepers.load(std::memory_order_relaxed) != 0) ring_slowly(endpoint);
    return;
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (endpoint.looked_after.load(std::memory_order_relaxed) == 0 ||
      endpoint.sleepers.load(std::memory_order_relaxed) != 0) {
    ring_fiber(endpoint);
  }
}

std::int64_t group_now_ns(const GroupClock& clock) {
  for (;;) {
    const auto offset_ns = clock.offset_ns.load(std::memory_order_acquire);
    const auto stopped_at_ns = clock.stopped_at_ns.load(std::memory_order_acquire);
    if (stopped_at_ns != 0) return stopped_at_ns;
    const auto time_ns = monotonic_ns() - offset_ns;
    // Else it was stopped, or stopped and started, since: the time that it stood is no group time.
    if (clock.stopped_at_ns.load(std::memory_order_acquire) == 0 &&
        clock.offset_ns.load(std::memory_order_acquire) == offset_ns) {
      return time_ns;
    }
  }
}

void stop(GroupClock& clock) {
  clock.stopped_at_ns.store(group_now_ns(clock), std::memory_order_release);
}

void start(GroupClock& clock) {
  const auto stopped_at_ns = clock.stopped_at_ns.load(std::memory_order_relaxed);
  if (stopped_at_ns == 0) return;
  clock.offset_ns.store(monotonic_ns() - stopped_at_ns, std::memory_order_release);
  clock.stopped_at_ns.store(0, std::memory_order_release);
}

bool Waiter::Patience::more() {
  if (shares_core_) {
    if (++rounds_ > kYieldRounds) return false;
    ::sched_yield();
    return true;
  }
  if (uses_link_) {
    if (until_ns_ == 0) until_ns_ = monotonic_ns() + kLinkNs;
    if (monotonic_ns() >= until_ns_) return false;
    if (!attended_ || ++rounds_ % kLooksBeforeYield == 0) ::sched_yield();
    return true;
  }
  if (rounds_ > kSpinRounds) return false;
  for (std::uint32_t i = 0; i < pace_.first; ++i) pause_core();
  rounds_ += pace_.first;
  pace_.first = std::min(2 * pace_.first, pace_.most);
  return true;
}

Waiter::Sleeper::Sleeper(EndpointRecord& endpoint) : endpoint_(endpoint) {
  endpoint_.sleepers.fetch_add(1, std::memory_order_relaxed);
  if (endpoint_.ringers_fence != 0) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (endpoint_.worker == 0) return;
    fence_all_threads();
  }
  const bool relies_on_group = endpoint_.ringers_fence == 0 || endpoint_.worker != 0;
  if (relies_on_group && !fence_group()) longest_ns_ = kNapWithoutFence;
}

Waiter::BlockedTime::BlockedTime(std::int64_t& total_ns)
    : total_ns_(total_ns), begin_ns_(monotonic_ns()) {}

Waiter::BlockedTime::~BlockedTime() {
  total_ns_ += monotonic_ns() - begin_ns_;
}

bool Waiter::sleep(std::uint32_t bell, std::int64_t deadline_ns, std::int64_t longest_ns) {
  auto nap = longest_ns;
  if (deadline_ns != kNoDeadline) {
    const auto left = deadline_ns - group_now_ns(clock_);
    if (left <= 0) return false;
    const bool stands = clock_.stopped_at_ns.load(std::memory_order_relaxed) != 0;
    nap = std::min({nap, kLongestSleepNs, stands ? kLongestSleepNs : left});
  }
  const timespec timeout{nap / 1'000'000'000, nap % 1'000'000'000};
  futex_wait(endpoint_.bell, bell, nap == kNoDeadline ? nullptr : &timeout);
  return true;
}

bool wait_for_gate(ArenaHeader& header) {
  if (auto* host = FiberHost::of_this_thread()) return host->wait_for_gate();
  for (;;) {
    const auto gate = header.gate.load(std::memory_order_acquire);
    if (gate == static_cast<std::uint32_t>(Gate::kOpen)) return true;
    if (gate != static_cast<std::uint32_t>(Gate::kClosed)) return false;
    futex_wait(header.gate, gate, nullptr);
  }
}

void set_gate(ArenaHeader& header, Gate gate) {
  header.gate.store(static_cast<std::uint32_t>(gate), std::memory_order_release);
  futex_wake_all(header.gate);
}

}  // namespace mvm::queue
