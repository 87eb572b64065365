// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "model_explorer.hpp"

/// What waiter.hpp does, instruction by instruction, for the models of all that sleep and ring.
namespace mvm::model {

struct Endpoint {
  Cell bell;
  Cell sleepers;
  bool ringers_fence = false;
};

/// What is done wrong, to see that the model notices.
enum class WaitFault {
  kNone,
  kRingerDoesNotFence,
  kWaiterDoesNotFence,
  kWaiterFencesForItself,  ///< alone, where it should for everybody
  kBellReadAfterLook,
  kNoLookOnceCounted,
  kLookedAtSleepersFirst,  ///< the ringer, before it changed the queue
  kBellUnchanged,
  kNobodyWoken,
  kSleeperSetsFlag,  ///< instead of counting itself
};

inline Endpoint add_endpoint(Model& model, const std::string& name, bool ringers_fence) {
  return {.bell = model.cell(name + "'s bell"),
          .sleepers = model.cell(name + "'s sleepers"),
          .ringers_fence = ringers_fence};
}

/// fence_before_looking_at
inline void fence_before_looking_at(Program& program, const Endpoint& endpoint,
                                    WaitFault fault = WaitFault::kNone) {
  if (endpoint.ringers_fence && fault != WaitFault::kRingerDoesNotFence) program.fence();
}

/// ring_slowly
inline void ring_slowly(Program& program, const Endpoint& endpoint, WaitFault fault) {
  if (fault != WaitFault::kBellUnchanged) program.add_to(endpoint.bell, 1, Order::kRelease);
  if (fault != WaitFault::kNobodyWoken) program.wake(endpoint.bell);
}

/// ring. `change` is what it tells of, which the faulty ringer does between two parts of this.
template <typename Change>
void change_and_ring(Program& program, const Endpoint& endpoint, WaitFault fault, Change&& change) {
  const auto sleepers = program.local();
  const bool too_early = fault == WaitFault::kLookedAtSleepersFirst;
  if (!too_early) change();
  fence_before_looking_at(program, endpoint, fault);
  program.load(endpoint.sleepers, sleepers);
  if (too_early) change();
  program.when(sleepers, [&] {
    program.set(sleepers, 0);
    ring_slowly(program, endpoint, fault);
  });
}
inline void ring(Program& program, const Endpoint& endpoint, WaitFault fault = WaitFault::kNone) {
  change_and_ring(program, endpoint, fault, [] {});
}

/// Waiter::wait_asleep. `look` sets `ready`. With `limited` the time may be over at any moment, and
/// then `ready` may be 0 at the end.
template <typename Look>
void wait_asleep(Program& program, const Endpoint& endpoint, Local ready, Look&& look,
                 WaitFault fault = WaitFault::kNone, bool limited = false) {
  const auto bell = program.local();
  const auto late = program.local();  // a sleep ended because the time is over
  const auto over = program.local();  // and the look after that was the last
  const auto count = [&](int by) {
    if (fault != WaitFault::kSleeperSetsFlag) return program.add_to(endpoint.sleepers, by);
    program.store(endpoint.sleepers, by > 0 ? 1 : 0, Order::kRelaxed);
  };
  program.loop([&](Label done) {
    if (fault != WaitFault::kBellReadAfterLook) program.load(endpoint.bell, bell);
    if (fault == WaitFault::kNoLookOnceCounted) look();
    count(+1);
    if (fault != WaitFault::kWaiterDoesNotFence) {
      const bool alone = endpoint.ringers_fence || fault == WaitFault::kWaiterFencesForItself;
      alone ? program.fence() : program.fence_everybody();
    }
    if (fault != WaitFault::kNoLookOnceCounted) look();
    const auto out = program.label();
    program.go_if(ready, out);
    if (fault == WaitFault::kBellReadAfterLook) program.load(endpoint.bell, bell);
    if (limited) {
      program.when(late, [&] {
        look();
        program.set(over, 1);
        program.go(out);
      });
      program.sleep(endpoint.bell, bell, late);
    } else {
      program.sleep(endpoint.bell, bell);
    }
    program.place(out);
    program.set(bell, 0);
    count(-1);
    program.go_if([=](const Locals& own) { return own[ready] != 0 || own[over] != 0; }, done);
  });
  program.set(late, 0);
  program.set(over, 0);
}

inline std::string_view words(Ordering ordering) {
  return ordering == Ordering::kX86 ? "x86" : "weak stores";
}

inline void expect_holds(const Model& model, Ordering ordering) {
  const auto verdict = model.explore(ordering);
  EXPECT_TRUE(verdict.holds) << words(ordering) << ": " << verdict.what << "\n" << verdict.trace;
}
inline void expect_holds(const Model& model) {
  expect_holds(model, Ordering::kX86);
  expect_holds(model, Ordering::kWeakStores);
}
/// The model notices what is wrong, by a run that ends so.
inline void expect_broken(const Model& model, Ordering ordering, const std::string& what) {
  const auto verdict = model.explore(ordering);
  EXPECT_FALSE(verdict.holds) << "a fault was not noticed in " << verdict.states << " states";
  EXPECT_NE(verdict.what.find(what), std::string::npos) << verdict.what << "\n" << verdict.trace;
}

}  // namespace mvm::model
