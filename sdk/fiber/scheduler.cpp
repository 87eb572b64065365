// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/futex.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::fiber {
namespace {

/// Fibers run so often before the worker looks what came from other processes and from the clocks.
constexpr std::uint32_t kTurnsBetweenLooks = 64;
/// A wait that lasts from one period into the next but one is noted for those who look why a group
/// does not move.
constexpr std::int64_t kPeriodNs = 50'000'000;
/// As for a task that is a process: see waiter.cpp.
constexpr std::uint32_t kSpinRounds = 1000;
constexpr std::uint32_t kYieldRounds = 3;
constexpr std::uint32_t kRoundsBetweenClocks = 64;
/// The group's clock may be stopped and started by others.
constexpr std::int64_t kLongestSleepNs = 1'000'000'000;

/// A fiber for whose messages others were told so often to ring again is looked after no more: each
/// time costs every core a fence.
constexpr std::uint8_t kOftenWithdrawn = 8;
/// Without a fence of the kernel's nobody sleeps for longer.
constexpr std::int64_t kNapWithoutFenceNs = 1'000'000;

thread_local bool is_worker_thread = false;

}  // namespace

Scheduler* Scheduler::scheduler_ = nullptr;

Scheduler::Scheduler(const queue::Arena& arena, std::uint32_t worker,
                     std::span<Fiber* const> fibers, Body body)
    : FiberHost(1 + worker),
      arena_(arena),
      record_(arena.list<queue::WorkerRecord>(arena.header().workers)[worker]),
      woken_(arena.list<std::atomic<std::uint64_t>>(record_.woken)),
      summary_(arena.list<std::atomic<std::uint64_t>>(record_.summary)),
      fibers_(fibers),
      body_(body),
      shares_core_(arena.endpoint(fibers.front()->spec->task).shares_core != 0),
      unfinished_(fibers.size()) {
  scheduler_ = this;
}

Fiber* Scheduler::running() {
  return is_worker_thread ? scheduler_->running_ : nullptr;
}

void Scheduler::switch_away() {
  Fiber* next = take_next();
  if (next != running_) switch_to(*next);
}

void Scheduler::switch_to(Fiber& next) {
  const int error = *error_;
  const auto exceptions = *exceptions_;
  Fiber* self = std::exchange(running_, &next);
  stdout = next.output;
  stderr = next.errors;
  arrive(jump(next.context, self));
  *exceptions_ = exceptions;
  *error_ = error;
}

/// First thing after a jump: who left stands where it left.
void Scheduler::arrive(const Arrival& arrival) {
  if (arrival.with == nullptr) {
    // From `run`, or back there.
    if (main_ == nullptr) main_ = arrival.from;
  } else {
    static_cast<Fiber*>(arrival.with)->context = arrival.from;
  }
  if (ended_ != nullptr) std::exchange(ended_, nullptr)->stack = Stack();
}

Fiber* Scheduler::take_next() {
  if (++turns_ % kTurnsBetweenLooks == 0) look_around();
  while (first_runnable_ == nullptr) idle();
  Fiber* next = first_runnable_;
  first_runnable_ = next->next;
  next->state = State::kRunning;
  return next;
}

void Scheduler::run() {
  is_worker_thread = true;
  error_ = &errno;
  exceptions_ = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
  period_began_ns_ = monotonic_ns();
  for (Fiber* fiber : fibers_) {
    fiber->context = begin_at(fiber->stack.end(), fiber->stack.size(), enter);
    fiber->state = State::kParked;
    make_runnable(*fiber);
  }
  auto* const own_output = stdout;
  auto* const own_errors = stderr;
  running_ = take_next();
  stdout = running_->output;
  stderr = running_->errors;
  arrive(jump(running_->context, nullptr));
  stdout = own_output;
  stderr = own_errors;
  running_ = nullptr;
  is_worker_thread = false;
}

/// The outermost frame. An exception that leaves the program's main finds nobody behind it, as in a
/// process: it terminates the task where it was thrown, and nothing is unwound.
void Scheduler::enter(Arrival arrival) {
  scheduler_->arrive(arrival);
  *scheduler_->exceptions_ = {};
  errno = 0;
  scheduler_->body_(*scheduler_->running_);
  std::unreachable();
}

void Scheduler::end_running() {
  if (running_->is_looked_after) forget(*running_);
  running_->state = State::kEnded;
  ended_ = running_;
  Fiber* next = --unfinished_ > 0 ? take_next() : nullptr;
  if (next == nullptr) {
    jump(main_, nullptr);
  } else {
    switch_to(*next);
  }
  std::unreachable();
}

void Scheduler::make_runnable(Fiber& fiber) {
  if (fiber.state != State::kParked) return;
  if (fiber.is_unnoted) leave_unnoted(fiber);
  if (fiber.lookout_at != kNowhere) leave_lookout(fiber);
  if (fiber.deadline_at != kNowhere) {
    (group_deadlines_.holds(fiber) ? group_deadlines_ : sleeps_).remove(fiber);
  }
  fiber.state = State::kRunnable;
  fiber.next = nullptr;
  (first_runnable_ == nullptr ? first_runnable_ : last_runnable_->next) = &fiber;
  last_runnable_ = &fiber;
}

bool Scheduler::park(const queue::ParkedWait& wait) {
  Fiber& self = *running_;
  using For = queue::ParkedWait::For;
  if (wait.what == For::kNextMessage) {
    if (self.is_looked_after || (wait.from_elsewhere && look_after(self))) {
      self.lookout_at = lookout_count_;
      lookouts_[lookout_count_++] = {wait.announcement, &self};
    }
  } else if (wait.what == For::kAnyMessage && self.is_looked_after) {
    forget(self);
    ++self.withdrawals;
    if (!queue::fence_group()) self.withdrawals = kOftenWithdrawn;
    return true;  // something may have come unannounced
  }
  self.state = State::kParked;
  self.wait = &wait;
  self.is_late = false;
  self.parked_in = period_;
  self.is_unnoted = true;
  self.parked_before = last_unnoted_;
  self.parked_after = nullptr;
  (last_unnoted_ == nullptr ? first_unnoted_ : last_unnoted_->parked_after) = &self;
  last_unnoted_ = &self;
  if (wait.deadline_ns != queue::kNoDeadline) group_deadlines_.add(self, wait.deadline_ns);
  switch_away();
  return !self.is_late;
}

/// False when others shall ring for its messages as for everything.
bool Scheduler::look_after(Fiber& fiber) {
  const bool worthwhile = fiber.withdrawals < kOftenWithdrawn && arena_.header().group_fences != 0;
  if (!worthwhile || looked_after_count_ == kMostLookouts) return false;
  looked_after_[looked_after_count_++] = &fiber;
  fiber.is_looked_after = true;
  arena_.endpoint(fiber.spec->task).looked_after.store(1, std::memory_order_relaxed);
  return true;
}

void Scheduler::forget(Fiber& fiber) {
  fiber.is_looked_after = false;
  arena_.endpoint(fiber.spec->task).looked_after.store(0, std::memory_order_relaxed);
  const auto end = looked_after_.begin() + looked_after_count_--;
  *std::find(looked_after_.begin(), end, &fiber) = *(end - 1);
}

/// After this every message that others did not ring for is there to be seen. False where the
/// kernel could not see to that.
bool Scheduler::look_after_nobody() {
  if (looked_after_count_ == 0) return true;
  while (looked_after_count_ > 0) forget(*looked_after_[0]);
  return queue::fence_group();
}

void Scheduler::look_out() {
  for (auto i = lookout_count_; i-- > 0;) {
    if (lookouts_[i].word->load(std::memory_order_acquire) != 0) {
      make_runnable(*lookouts_[i].fiber);  // the last lookout takes its place, and was seen
    }
  }
}

bool Scheduler::sees_message() const {
  return std::any_of(
      lookouts_.begin(), lookouts_.begin() + lookout_count_,
      [](const auto& lookout) { return lookout.word->load(std::memory_order_acquire) != 0; });
}

void Scheduler::leave_lookout(Fiber& fiber) {
  const auto& last = lookouts_[--lookout_count_];
  lookouts_[fiber.lookout_at] = last;
  last.fiber->lookout_at = fiber.lookout_at;
  fiber.lookout_at = kNowhere;
}

/// Of who is not looked after any more.
void Scheduler::leave_lookouts() {
  while (lookout_count_ > 0) leave_lookout(*lookouts_[0].fiber);
}

void Scheduler::leave_unnoted(Fiber& fiber) {
  auto*& before =
      fiber.parked_before != nullptr ? fiber.parked_before->parked_after : first_unnoted_;
  auto*& after = fiber.parked_after != nullptr ? fiber.parked_after->parked_before : last_unnoted_;
  before = fiber.parked_after;
  after = fiber.parked_before;
  fiber.is_unnoted = false;
}

void Scheduler::yield() {
  Fiber& self = *running_;
  self.state = State::kParked;
  // Who polls must see what others send, also when nobody else can run here.
  if (first_runnable_ == nullptr) look_around();
  make_runnable(self);
  switch_away();
}

void Scheduler::sleep_until(std::int64_t monotonic_ns) {
  Fiber& self = *running_;
  self.is_late = false;
  while (!self.is_late) {  // who rings it, or rang it before, does not end its sleep
    self.state = State::kParked;
    sleeps_.add(self, monotonic_ns);
    switch_away();
  }
}

bool Scheduler::wait_for_gate() {
  const auto& gate = arena_.header().gate;
  const auto gate_is = [&gate](queue::Gate is) {
    return gate.load(std::memory_order_acquire) == static_cast<std::uint32_t>(is);
  };
  while (gate_is(queue::Gate::kClosed)) {
    running_->state = State::kParked;
    at_gate_.push_back(running_);
    switch_away();
  }
  return gate_is(queue::Gate::kOpen);
}

void Scheduler::open_gate() {
  if (at_gate_.empty()) return;
  const auto gate = arena_.header().gate.load(std::memory_order_acquire);
  if (gate == static_cast<std::uint32_t>(queue::Gate::kClosed)) return;
  for (Fiber* fiber : std::exchange(at_gate_, {})) make_runnable(*fiber);
}

void Scheduler::wake_here(const queue::EndpointRecord& endpoint) {
  // What the arena says may have been overwritten.
  if (const auto fiber = endpoint.fiber; fiber < fibers_.size()) make_runnable(*fibers_[fiber]);
}

void Scheduler::wake(queue::EndpointRecord& endpoint) {
  if (runs_here(endpoint)) return wake_here(endpoint);
  queue::wake_fiber_elsewhere(arena_, endpoint);
}

bool Scheduler::has_woken() const {
  return std::ranges::any_of(
      summary_, [](const auto& word) { return word.load(std::memory_order_relaxed) != 0; });
}

/// What the bits were set for was done before, and is seen by whoever is woken here.
void Scheduler::collect_woken() {
  for (std::size_t i = 0; i < summary_.size(); ++i) {
    if (summary_[i].load(std::memory_order_relaxed) == 0) continue;
    for (auto words = summary_[i].exchange(0, std::memory_order_acquire); words != 0;
         words &= words - 1) {
      const auto word = i * queue::kWokenBits + static_cast<std::size_t>(std::countr_zero(words));
      if (word >= woken_.size()) break;
      for (auto bits = woken_[word].exchange(0, std::memory_order_acquire); bits != 0;
           bits &= bits - 1) {
        const auto fiber =
            word * queue::kWokenBits + static_cast<std::size_t>(std::countr_zero(bits));
        if (fiber < fibers_.size()) make_runnable(*fibers_[fiber]);
      }
    }
  }
}

void Scheduler::wake_late(Deadlines& deadlines, std::int64_t time_ns) {
  while (!deadlines.empty() && deadlines.first() <= time_ns) {
    Fiber& fiber = deadlines.earliest();
    fiber.is_late = true;
    make_runnable(fiber);
  }
}

void Scheduler::wake_by_clocks() {
  if (!sleeps_.empty()) wake_late(sleeps_, monotonic_ns());
  if (group_deadlines_.empty()) return;
  wake_late(group_deadlines_, queue::group_now_ns(arena_.header().clock));
}

void Scheduler::look_around() {
  look_out();
  collect_woken();
  wake_by_clocks();
  open_gate();
  if (const auto time_ns = monotonic_ns(); time_ns - period_began_ns_ >= kPeriodNs) {
    period_began_ns_ = time_ns;
    ++period_;
    note_long_waits();
  }
}

void Scheduler::note_first() {
  Fiber& fiber = *first_unnoted_;
  leave_unnoted(fiber);
  fiber.wait->note(fiber.wait->about);
}

void Scheduler::note_long_waits() {
  while (first_unnoted_ != nullptr && first_unnoted_->parked_in + 1 < period_) note_first();
}

void Scheduler::note_all_waits() {
  while (first_unnoted_ != nullptr) note_first();
}

/// Nobody can go on. Comes back when somebody may.
void Scheduler::idle() {
  const auto rounds = shares_core_ ? kYieldRounds : kSpinRounds;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    look_out();
    if (has_woken()) collect_woken();
    if (round % kRoundsBetweenClocks == 0) {
      wake_by_clocks();
      open_gate();
    }
    if (first_runnable_ != nullptr) return;
    if (shares_core_) {
      ::syscall(SYS_sched_yield);  // `sched_yield` is a task's: see waiting.cpp
    } else {
      queue::pause_core();
    }
  }
  note_all_waits();
  if (at_gate_.empty()) {
    sleep_on_bell();
  } else {
    sleep_at_gate();
  }
  look_around();
}

/// Before the gate opens nobody sends, so nobody rings.
void Scheduler::sleep_at_gate() {
  const auto length = longest_sleep_ns();
  const timespec timeout{length / 1'000'000'000, length % 1'000'000'000};
  queue::futex_wait(arena_.header().gate, static_cast<std::uint32_t>(queue::Gate::kClosed),
                    &timeout);
}

void Scheduler::sleep_on_bell() {
  const bool all_ring = look_after_nobody();
  const auto bell = record_.bell.load(std::memory_order_acquire);
  record_.asleep.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!has_woken() && !sees_message()) {
    if (sleeps_.empty() && group_deadlines_.empty() && all_ring) {
      queue::futex_wait(record_.bell, bell, nullptr);
    } else {
      auto length = longest_sleep_ns();
      if (!all_ring) length = std::min(length, kNapWithoutFenceNs);
      const timespec timeout{length / 1'000'000'000, length % 1'000'000'000};
      if (length > 0) queue::futex_wait(record_.bell, bell, &timeout);
    }
  }
  record_.asleep.store(0, std::memory_order_relaxed);
  look_out();
  leave_lookouts();
}

std::int64_t Scheduler::longest_sleep_ns() const {
  auto length = kLongestSleepNs;
  if (!sleeps_.empty()) length = std::min(length, sleeps_.first() - monotonic_ns());
  const auto& clock = arena_.header().clock;
  const bool stands = clock.stopped_at_ns.load(std::memory_order_relaxed) != 0;
  if (!group_deadlines_.empty() && !stands) {
    length = std::min(length, group_deadlines_.first() - queue::group_now_ns(clock));
  }
  return std::max<std::int64_t>(length, 0);
}

}  // namespace mvm::fiber
