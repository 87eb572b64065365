// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/fiber_host.hpp>
#include <mvm/queuelayer/wait_board.hpp>

/// How one side of a queue waits for the other.
///
/// Protocol. The waiter: counts itself into `sleepers`, fence, looks at the queue once more, sleeps
/// on the bell's value read before. The ringer: changes the queue, fence, looks at `sleepers`, and
/// if there is one, changes the bell and wakes. The two fences (both seq_cst) order each side's
/// store before its load, so at least one side sees the other: either the waiter finds the change,
/// or the ringer finds the sleeper. The bell's change makes a sleep that begins late return at
/// once. A waiter that is killed leaves `sleepers` too high, which costs its peers a needless wake,
/// no more.
///
/// A fence for each message costs more than the message. So where the waiter has a core of its own,
/// and thus sleeps only after it has spun in vain, it fences for both: membarrier(2) makes every
/// running thread of the group execute a fence between two of its instructions, and a thread that
/// does not run has executed one when it was taken off its core. The ringer then only keeps the
/// compiler from turning its store and load round. Whether its fence fell before its store or after
/// its load: in the first case that load comes after the waiter counted itself, in the second the
/// waiter's look comes after that store. tests/queuelayer/sleep_model_test.cpp tries all orders.
///
/// Fibers. A fiber does not sleep: its worker runs others, and for messages it leaves no word that
/// it waits. So it is woken by every ring, waiting or not. A ringer in the worker's own thread
/// marks it runnable; everybody else sets its bit in the worker's `woken`, then the word's bit in
/// `summary`, fence, looks at `asleep`, and changes and wakes the worker's bell if it is set. The
/// worker takes a bit of the summary first and the word behind it after that, so a bit that comes
/// in between is announced again. Before it sleeps, it sets `asleep`, fence, looks at the summary
/// once more, and sleeps on the bell's value read before: the two fences of above, one level up. A
/// bit for a fiber that is not parked may be forgotten: that one has yet to look at its queues
/// before it parks, and does so in the thread that took the bit, after what was done before the bit
/// was set. A ringer that is killed before it has set both bits has ended, and the queue VM rings
/// every endpoint then. tests/queuelayer/wake_model_test.cpp tries all orders.
///
/// Fibers that are looked after. Bits and fences cost a sender more than the message, and the
/// worker a line for each. So a worker that is awake looks itself where the next messages of some
/// parked fibers will be announced, and says so in `looked_after` of their endpoints: who sends to
/// one of them from elsewhere, a message and nothing else, does not ring. While the fiber runs it
/// looks for itself, as ever. Before the worker sleeps, or the fiber parks for more than one queue,
/// the word is taken back, then membarrier(2), then the queues are looked at once more: the
/// argument of the threads above. wake_model_test.cpp tries these orders as well.
///
/// Where a fiber does leave word, because it is rung only if it has (for room in a queue, at a
/// board), it fences itself, and so do those who look for that word; but not those in its worker's
/// own thread, which have nobody to fence against. Threads that a fiber's task has started sleep as
/// anybody does, and have the kernel fence for everybody.
namespace mvm::queue {

/// Of the ringer; see above.
inline void fence_for_waiters(bool they_do) {
  if (they_do) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}
inline void fence_before_looking_at(const EndpointRecord& endpoint) {
  const auto who = endpoint.ringers_fence;
  fence_for_waiters(who == 0 || (who == kUnlessInItsThread && FiberHost::runs_here(endpoint)));
}
/// Of a fiber that has left word that it waits, before it looks for the last time.
inline void fence_if_fiber() {
  if (FiberHost::of_this_thread() != nullptr) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

/// True where the kernel lets this process take part in fences for others; it must ask before it
/// rings anybody who relies on that.
[[nodiscard]] bool join_group_fences();

/// Tells an endpoint that a queue of its changed. Call after the change. Never blocks.
void ring_slowly(EndpointRecord& endpoint);
void ring_fiber(EndpointRecord& endpoint);
inline void ring(EndpointRecord& endpoint) {
  if (endpoint.worker != 0) return ring_fiber(endpoint);
  fence_before_looking_at(endpoint);
  if (endpoint.sleepers.load(std::memory_order_relaxed) != 0) ring_slowly(endpoint);
}

/// The same for an endpoint whose queue has a new message.
void ring_fiber_for_message(EndpointRecord& endpoint);
inline void ring_for_message(EndpointRecord& endpoint) {
  if (endpoint.worker != 0) return ring_fiber_for_message(endpoint);
  ring(endpoint);
}

/// Every thread of every process of the group passes a fence; false where the kernel could not.
[[nodiscard]] bool fence_group();

/// One round of busy waiting: lets the core's other thread go first.
inline void pause_core() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Time of the group's clock. It stands still while the clock is stopped, for everything that has a
/// time: time limits, delays, expiries, the silence of links.
[[nodiscard]] std::int64_t group_now_ns(const GroupClock& clock);
/// One thread of the queue VM stops and starts a group's clock. Nobody is woken. Whoever reads it
/// meanwhile may be ahead by the moment that the call takes.
void stop(GroupClock& clock);
void start(GroupClock& clock);

inline constexpr std::int64_t kNoDeadline = std::numeric_limits<std::int64_t>::max();

/// How often a wait looks while it spins, in rounds of `pause_core` between two looks: twice as
/// many each time, from `first` to `most`. Each look takes the line that is looked at from whoever
/// writes there, so who expects much to happen had better look less often.
struct Pace {
  std::uint32_t first = 1;
  std::uint32_t most = 1;
};
inline constexpr Pace kForRoom{1, 16};  ///< for room in a queue that is full

/// A condition that no message can make true.
template <typename Ready>
struct ButForMessages {
  Ready ready;
  bool operator()() { return ready(); }
  static void tell(ParkedWait& wait) { wait.what = ParkedWait::For::kNoMessage; }
};
template <typename Ready>
ButForMessages(Ready) -> ButForMessages<Ready>;

/// What must be done while a thread of the endpoint waits.
class Attendant {
 public:
  virtual ~Attendant() = default;
  /// Before each look at what is waited for.
  virtual void look() = 0;
  /// The thread is going to sleep: whatever makes `look` worth calling must ring the endpoint from
  /// now on, once. Another look follows.
  virtual void before_sleep() = 0;
  /// The thread has slept for the last time; perhaps it did not at all.
  virtual void after_sleeps() = 0;
};

/// Waits on an endpoint's doorbell until a condition holds.
class Waiter {
 public:
  /// `ports` of the endpoint are for those who wait at several of them in both directions.
  Waiter(EndpointRecord& endpoint, const GroupClock& clock, std::span<PortRecord> ports = {})
      : endpoint_(endpoint), clock_(clock), ports_(ports) {}
  Waiter& at(Pace pace) {
    pace_ = pace;
    return *this;
  }
  /// Null: nothing is to be done meanwhile.
  Waiter& attended_by(Attendant* attendant) {
    attendant_ = attendant;
    return *this;
  }

  /// Returns true as soon as `ready()` does, false when the group's clock passes `deadline_ns`.
  /// Spins while the core is this task's own, hands the core over when it is shared or when the
  /// link's threads may need it, then sleeps.
  template <typename Ready>
  bool wait(Ready&& ready, std::int64_t deadline_ns) {
    if (const auto ended = wait_awake(ready, deadline_ns)) return *ended;
    return wait_asleep(ready, deadline_ns, [] {});
  }

  /// The same for a job's thread, whose wait is noted on the endpoint's wait board when it comes to
  /// sleeping. `describe()` gives the WaitSubject; it is asked after each `ready()` that was in
  /// vain, and must tell what that one saw. A wait with a deadline is noted as limited in any case.
  /// `blocked_ns` grows by the time spent after the spinning; the clock is not read before that.
  /// `ready.tell(ParkedWait&)`, where there is such, says after each look what messages matter.
  template <typename Ready, typename Describe>
  bool wait(Ready&& ready, std::int64_t deadline_ns, Describe&& describe,
            std::int64_t& blocked_ns) {
    if (auto* host = FiberHost::of_this_thread()) {
      return wait_parked(*host, ready, deadline_ns, describe, blocked_ns);
    }
    if (const auto ended = wait_awake(ready, deadline_ns)) return *ended;
    const BlockedTime blocked(blocked_ns);
    WaitNote note(endpoint_, clock_, ports_);
    return wait_asleep(ready, deadline_ns, [&] {
      WaitSubject subject = describe();
      if (deadline_ns != kNoDeadline) subject.limited = true;
      note.set(subject);
    });
  }

 private:
  /// True or false when the wait ended without a sleep.
  template <typename Ready>
  std::optional<bool> wait_awake(Ready& ready, std::int64_t deadline_ns) {
    if (looks(ready)) return true;
    if (deadline_ns <= 0) return false;
    for (Patience patience(endpoint_, pace_, attendant_ != nullptr); patience.more();) {
      if (looks(ready)) return true;
    }
    return {};
  }
  template <typename Ready>
  bool looks(Ready& ready) {
    if (attendant_ != nullptr) attendant_->look();
    return ready();
  }

  template <typename Ready, typename BeforeSleep>
  bool wait_asleep(Ready& ready, std::int64_t deadline_ns, BeforeSleep&& before_sleep) {
    const AttendedSleep attended(attendant_);
    for (;;) {
      const auto bell = endpoint_.bell.load(std::memory_order_acquire);
      const Sleeper sleeper(endpoint_);
      if (attendant_ != nullptr) attendant_->before_sleep();
      if (looks(ready)) return true;
      before_sleep();
      if (!sleep(bell, deadline_ns, sleeper.longest_ns())) return ready();
    }
  }

  /// A fiber's wait. Noted, and its time counted, from when the worker thinks it worth that.
  template <typename Ready, typename Describe>
  bool wait_parked(FiberHost& host, Ready& ready, std::int64_t deadline_ns, Describe& describe,
                   std::int64_t& blocked_ns) {
    if (ready()) return true;
    if (deadline_ns <= 0) {
      host.yield();  // or who polls would keep those from running whom it waits for
      return ready();
    }
    WaitNote note(endpoint_, clock_, ports_);
    std::int64_t noted_at_ns = 0;
    const auto write = [&] {
      WaitSubject subject = describe();
      if (deadline_ns != kNoDeadline) subject.limited = true;
      note.set(subject);
      if (noted_at_ns == 0) noted_at_ns = monotonic_ns();
    };
    using Write = decltype(write);
    ParkedWait wait{clock_, deadline_ns, [](void* about) { (*static_cast<const Write*>(about))(); },
                    const_cast<std::remove_const_t<Write>*>(&write)};
    bool in_time = true;
    do {
      if constexpr (requires { ready.tell(wait); }) ready.tell(wait);
      in_time = host.park(wait);
    } while (in_time && !ready());
    if (noted_at_ns != 0) blocked_ns += monotonic_ns() - noted_at_ns;
    return in_time || ready();
  }

  /// The part of waiting that does not sleep.
  class Patience {
   public:
    Patience(const EndpointRecord& endpoint, Pace pace, bool attended)
        : shares_core_(endpoint.shares_core != 0),
          uses_link_(endpoint.uses_link != 0),
          attended_(attended),
          pace_(pace) {}
    [[nodiscard]] bool more();

   private:
    bool shares_core_;
    bool uses_link_;
    bool attended_;
    Pace pace_;
    std::uint32_t rounds_ = 0;
    std::int64_t until_ns_ = 0;
  };

  class AttendedSleep {
   public:
    explicit AttendedSleep(Attendant* attendant) : attendant_(attendant) {}
    ~AttendedSleep() {
      if (attendant_ != nullptr) attendant_->after_sleeps();
    }
    AttendedSleep(const AttendedSleep&) = delete;
    AttendedSleep& operator=(const AttendedSleep&) = delete;

   private:
    Attendant* attendant_;
  };

  /// Counted among the sleepers, with the fence of the protocol.
  class Sleeper {
   public:
    explicit Sleeper(EndpointRecord& endpoint);
    ~Sleeper() { endpoint_.sleepers.fetch_sub(1, std::memory_order_relaxed); }
    /// For how long it may sleep without another look.
    [[nodiscard]] std::int64_t longest_ns() const { return longest_ns_; }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;

   private:
    EndpointRecord& endpoint_;
    std::int64_t longest_ns_ = kNoDeadline;
  };

  /// Adds the time of its life to a counter.
  class BlockedTime {
   public:
    explicit BlockedTime(std::int64_t& total_ns);
    ~BlockedTime();
    BlockedTime(const BlockedTime&) = delete;
    BlockedTime& operator=(const BlockedTime&) = delete;

   private:
    std::int64_t& total_ns_;
    std::int64_t begin_ns_;
  };

  /// False when the deadline has passed.
  bool sleep(std::uint32_t bell, std::int64_t deadline_ns, std::int64_t longest_ns);

  EndpointRecord& endpoint_;
  const GroupClock& clock_;
  std::span<PortRecord> ports_;
  Pace pace_;
  Attendant* attendant_ = nullptr;
};

/// Waits until the gate of an arena opens. False when it never will.
[[nodiscard]] bool wait_for_gate(ArenaHeader& header);
enum class Gate : std::uint32_t { kClosed = 0, kOpen = 1, kBarred = 2 };
void set_gate(ArenaHeader& header, Gate gate);

}  // namespace mvm::queue
