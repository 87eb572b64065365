// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cxxabi.h>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/fiber_host.hpp>

#include "deadlines.hpp"
#include "fiber.hpp"

namespace mvm::fiber {

/// Runs the fibers of this process in one thread, each until it waits. Who waits chooses the next
/// and jumps there; when nobody can go on, it spins and then sleeps on everybody's behalf, on
/// whatever stack it stands. How fibers are woken, and why no wake-up is lost, is told in
/// queuelayer/waiter.hpp.
///
/// Calls that say so may come from any thread; all others from a fiber, but `run`.
class Scheduler final : public queue::FiberHost {
 public:
  /// What a fiber does. Must call `end_running`.
  using Body = void (*)(Fiber& fiber);

  Scheduler(const queue::Arena& arena, std::uint32_t worker, std::span<Fiber* const> fibers,
            Body body);

  /// Runs all fibers to their end. To be called once, by the main thread.
  void run();

  /// The fiber that runs now; null in other threads than the main one, and outside of `run`.
  [[nodiscard]] static Fiber* running();
  [[nodiscard]] static Scheduler* of_this_process() { return scheduler_; }
  /// Ends the running fiber: nothing on its stack is unwound.
  [[noreturn]] void end_running();
  [[nodiscard]] std::size_t unfinished() const { return unfinished_; }
  [[nodiscard]] std::span<Fiber* const> fibers() const { return fibers_; }

  /// Runs others until CLOCK_MONOTONIC says so.
  void sleep_until(std::int64_t monotonic_ns);

  const queue::Arena& arena() const override { return arena_; }
  std::uint32_t number() const override { return running_->spec->task; }
  queue::FiberEnding& ending() override { return running_->ending; }
  void need_directory() override { make_directory(*running_); }
  bool park(const queue::ParkedWait& wait) override;
  void yield() override;
  bool wait_for_gate() override;
  void wake_here(const queue::EndpointRecord& endpoint) override;
  void wake(queue::EndpointRecord& endpoint) override;  ///< from any thread

 private:
  struct ExceptionState {  ///< as the C++ ABI has it
    void* caught;
    unsigned int uncaught;
  };

  static void enter(Arrival arrival);
  // Inlined, because a processor predicts returns by the calls that it has seen, and mispredicts
  // each that follows a jump to another stack.
  [[gnu::always_inline]] inline void switch_away();
  [[gnu::always_inline]] inline void switch_to(Fiber& next);
  [[gnu::always_inline]] inline void arrive(const Arrival& arrival);
  [[gnu::always_inline]] inline Fiber* take_next();

  void make_runnable(Fiber& fiber);
  [[nodiscard]] bool look_after(Fiber& fiber);
  void forget(Fiber& fiber);
  [[nodiscard]] bool look_after_nobody();
  void look_out();
  [[nodiscard]] bool sees_message() const;
  void leave_lookout(Fiber& fiber);
  void leave_lookouts();
  void leave_unnoted(Fiber& fiber);
  [[nodiscard]] bool has_woken() const;
  void collect_woken();
  void wake_late(Deadlines& deadlines, std::int64_t time_ns);
  void wake_by_clocks();
  void open_gate();
  void look_around();
  void note_long_waits();
  void note_all_waits();
  void note_first();
  void idle();
  void sleep_at_gate();
  void sleep_on_bell();
  [[nodiscard]] std::int64_t longest_sleep_ns() const;

  static Scheduler* scheduler_;

  const queue::Arena& arena_;
  queue::WorkerRecord& record_;
  std::span<std::atomic<std::uint64_t>> woken_;
  std::span<std::atomic<std::uint64_t>> summary_;
  std::span<Fiber* const> fibers_;
  Body body_;
  bool shares_core_;

  Context main_ = nullptr;
  Fiber* running_ = nullptr;
  Fiber* ended_ = nullptr;  ///< whose stack is given back as soon as nobody stands on it
  Fiber* first_runnable_ = nullptr;
  Fiber* last_runnable_ = nullptr;
  std::size_t unfinished_;
  std::uint32_t turns_ = 0;
  ExceptionState* exceptions_ = nullptr;  ///< of this thread
  int* error_ = nullptr;                  ///< its errno

  /// A parked fiber that is looked after, and the word where its message will be announced.
  struct Lookout {
    const std::atomic<std::uint64_t>* word;
    Fiber* fiber;
  };
  static constexpr std::size_t kMostLookouts = 16;
  std::array<Lookout, kMostLookouts> lookouts_{};
  std::size_t lookout_count_ = 0;
  std::array<Fiber*, kMostLookouts> looked_after_{};
  std::size_t looked_after_count_ = 0;

  Fiber* first_unnoted_ = nullptr;  ///< in the order in which they parked
  Fiber* last_unnoted_ = nullptr;
  std::uint64_t period_ = 1;
  std::int64_t period_began_ns_ = 0;

  Deadlines group_deadlines_;
  Deadlines sleeps_;
  std::vector<Fiber*> at_gate_;
};

}  // namespace mvm::fiber
