// SPDX-License-Identifier: Apache-2.0
// Waking the fibers of a worker from other processes (waiter.hpp, fiber_host.cpp and the worker's
// scheduler), in all orders: no fiber stays parked while something is there for it. Each property
// is also tried with a fault, which the model must notice.
#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "modelled_endpoint.hpp"

namespace mvm::model {
namespace {

enum class WakeFault {
  kNone,
  kSummaryFirst,    ///< the ringer announces a word before it has set the bit
  kWordTakenFirst,  ///< the worker looks at the words before it takes the summary
  kRingerDoesNotFence,
  kWorkerDoesNotFence,
  kNoLookBeforeSleep,  ///< once it has said that it sleeps
  kBellReadAfterLook,
  kBellUnchanged,
  kBitsBeforeChange,              ///< the ringer, before it changed the queue
  kWorkerDoesNotFenceForRingers,  ///< after it said that it looks after nobody any more
  kNoLookAtMessages,              ///< before it sleeps
  kForgetsAfterLook,              ///< says so only once it has looked for the last time
};

struct Worker {
  Cell bell;
  Cell asleep;
  Cell summary;
  Cell woken;         ///< a word for each fiber
  Cell sent;          ///< to each fiber
  Cell looked_after;  ///< whether each fiber is
};

struct Party {
  int fibers = 2;
  int messages = 2;  ///< for each fiber
  Value wakes_for_nothing = 0;
  bool looks = false;  ///< the worker looks after its parked fibers
  WakeFault fault = WakeFault::kNone;
};

/// A bit that is set is a count here: taking it leaves what was added since, as an exchange does.
void take(Program& program, Address cell, Local taken) {
  program.load(cell, taken);
  program.when(taken, [&] {
    program.add_to(cell, [taken](const Locals& own) { return 256 - own[taken]; });
  });
}

Program ringer(int fiber, const Party& party, const Worker& worker) {
  Program program("ringer" + std::to_string(fiber));
  const auto asleep = program.local();
  const auto looked_after = program.local();
  const auto fault = party.fault;
  const auto word = [&] { program.add_to(worker.woken[fiber], 1, Order::kRelease); };
  const auto summary = [&] { program.add_to(worker.summary, 1, Order::kRelease); };
  for (int n = 1; n <= party.messages; ++n) {
    const auto change = [&] { program.store(worker.sent[fiber], n, Order::kRelease); };
    if (fault != WakeFault::kBitsBeforeChange) change();
    const auto ring = [&] {
      if (fault == WakeFault::kSummaryFirst) summary();
      word();
      if (fault != WakeFault::kSummaryFirst) summary();
      if (fault != WakeFault::kRingerDoesNotFence) program.fence();
      program.load(worker.asleep, asleep);
      if (fault == WakeFault::kBitsBeforeChange) change();
      program.when(asleep, [&] {
        program.set(asleep, 0);
        if (fault != WakeFault::kBellUnchanged) program.add_to(worker.bell, 1, Order::kRelease);
        program.wake(worker.bell);
      });
    };
    // ring_fiber_for_message
    if (party.looks) program.load(worker.looked_after[fiber], looked_after);
    program.when([=](const Locals& own) { return own[looked_after] == 0; }, ring);
    program.set(looked_after, 0);
  }
  return program;
}

Program scheduler(const Party& party, const Worker& worker) {
  Program program("worker");
  program.may_wake_for_nothing(party.wakes_for_nothing);
  const auto fault = party.fault;
  const auto seen = program.local();
  const auto bell = program.local();
  const auto found = program.local();
  std::vector<Local> taken, runnable;
  for (int i = 0; i < party.fibers; ++i) {
    taken.push_back(program.local());
    runnable.push_back(program.local());
  }
  for (const auto fiber : runnable) program.set(fiber, 1);
  const auto take_words = [&] {
    for (int i = 0; i < party.fibers; ++i) {
      take(program, worker.woken[i], seen);
      program.when(seen, [&] { program.set(runnable[static_cast<std::size_t>(i)], 1); });
      program.set(seen, 0);
    }
  };
  // Scheduler::collect_woken
  const auto collect = [&] {
    if (fault == WakeFault::kWordTakenFirst) take_words();
    take(program, worker.summary, found);
    if (fault != WakeFault::kWordTakenFirst) program.when(found, take_words);
    program.set(found, 0);
  };
  const auto nobody_runs = [=](const Locals& own) {
    return std::ranges::none_of(runnable, [&](Local fiber) { return own[fiber] != 0; });
  };
  // Scheduler::look_out: a message that is there is news only to who has not taken it.
  const auto look_out = [&] {
    for (int i = 0; i < party.fibers; ++i) {
      const auto fiber = static_cast<std::size_t>(i);
      program.load(worker.sent[i], seen);
      program.when([=, has = taken[fiber]](const Locals& own) { return own[seen] > own[has]; },
                   [&] { program.set(runnable[fiber], 1); });
      program.set(seen, 0);
    }
  };
  const auto look_after_nobody = [&] {
    for (int i = 0; i < party.fibers; ++i) {
      program.store(worker.looked_after[i], 0, Order::kRelaxed);
    }
    if (fault != WakeFault::kWorkerDoesNotFenceForRingers) program.fence_everybody();
  };
  const auto all_done = [=, all = party.messages](const Locals& own) {
    return std::ranges::all_of(taken, [&](Local fiber) { return own[fiber] == all; });
  };
  program.loop([&](Label done) {
    // Each runnable fiber looks until it finds nothing, and parks.
    for (int i = 0; i < party.fibers; ++i) {
      const auto fiber = static_cast<std::size_t>(i);
      program.when(runnable[fiber], [&] {
        program.load(worker.sent[i], seen);
        program.set(taken[fiber], seen);
        program.set(runnable[fiber], 0);
        program.set(seen, 0);
        if (party.looks) program.store(worker.looked_after[i], 1, Order::kRelaxed);
      });
    }
    program.go_if(all_done, done);
    collect();
    if (party.looks) look_out();
    // Scheduler::sleep_on_bell
    program.when(nobody_runs, [&] {
      if (party.looks && fault != WakeFault::kForgetsAfterLook) look_after_nobody();
      if (fault != WakeFault::kBellReadAfterLook) program.load(worker.bell, bell);
      program.store(worker.asleep, 1, Order::kRelaxed);
      if (fault != WakeFault::kWorkerDoesNotFence) program.fence();
      if (fault != WakeFault::kNoLookBeforeSleep) program.load(worker.summary, found);
      if (fault == WakeFault::kBellReadAfterLook) program.load(worker.bell, bell);
      if (party.looks && fault != WakeFault::kNoLookAtMessages) look_out();
      if (fault == WakeFault::kForgetsAfterLook) look_after_nobody();
      program.when([=](const Locals& own) { return own[found] == 0 && nobody_runs(own); },
                   [&] { program.sleep(worker.bell, bell); });
      program.set(found, 0);
      program.set(bell, 0);
      program.store(worker.asleep, 0, Order::kRelaxed);
      collect();
    });
  });
  return program;
}

Model model_of(const Party& party) {
  Model model;
  const Worker worker{.bell = model.cell("bell"),
                      .asleep = model.cell("asleep"),
                      .summary = model.cell("summary"),
                      .woken = model.cells("woken", party.fibers),
                      .sent = model.cells("sent", party.fibers),
                      .looked_after = model.cells("looked after", party.fibers)};
  model.add(scheduler(party, worker));
  for (int i = 0; i < party.fibers; ++i) model.add(ringer(i, party, worker));
  return model;
}

TEST(WakeModel, LosesNoWakeUp) {
  expect_holds(model_of({.messages = 1}));
}

TEST(WakeModel, HoldsForManyMessagesToOneFiber) {
  expect_holds(model_of({.fibers = 1, .messages = 4}));
}

TEST(WakeModel, LosesNoMessageThatItLooksForItself) {
  expect_holds(model_of({.messages = 1, .looks = true}));
  expect_holds(model_of({.fibers = 1, .messages = 3, .looks = true}));
}

TEST(WakeModel, MaySleepShort) {
  expect_holds(model_of({.fibers = 1, .messages = 3, .wakes_for_nothing = 2}));
}

struct Mistake {
  const char* name;
  WakeFault fault;
  Ordering ordering = Ordering::kX86;
  bool looks = false;
};
void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

class WakeMistake : public testing::TestWithParam<Mistake> {};
INSTANTIATE_TEST_SUITE_P(
    Is, WakeMistake,
    testing::Values(
        Mistake{"SummaryFirst", WakeFault::kSummaryFirst},
        Mistake{"WordTakenFirst", WakeFault::kWordTakenFirst},
        Mistake{"WorkerDoesNotFence", WakeFault::kWorkerDoesNotFence},
        Mistake{"RingerDoesNotFence", WakeFault::kRingerDoesNotFence, Ordering::kWeakStores},
        Mistake{"NoLookBeforeSleep", WakeFault::kNoLookBeforeSleep},
        Mistake{"BellReadAfterLook", WakeFault::kBellReadAfterLook},
        Mistake{"BellUnchanged", WakeFault::kBellUnchanged},
        Mistake{"BitsBeforeChange", WakeFault::kBitsBeforeChange},
        Mistake{"WorkerDoesNotFenceForRingers", WakeFault::kWorkerDoesNotFenceForRingers,
                Ordering::kX86, true},
        Mistake{"NoLookAtMessages", WakeFault::kNoLookAtMessages, Ordering::kX86, true},
        Mistake{"ForgetsAfterLook", WakeFault::kForgetsAfterLook, Ordering::kX86, true}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_P(WakeMistake, IsNoticed) {
  const auto& mistake = GetParam();
  expect_broken(model_of({.looks = mistake.looks, .fault = mistake.fault}), mistake.ordering,
                "sleeps for ever");
}

}  // namespace
}  // namespace mvm::model
