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
  kBitsBeforeChange,  ///< the ringer, before it changed the queue
};

struct Worker {
  Cell bell;
  Cell asleep;
  Cell summary;
  Cell woken;  ///< a word for each fiber
  Cell sent;   ///< to each fiber
};

struct Party {
  int fibers = 2;
  int messages = 2;  ///< for each fiber
  Value wakes_for_nothing = 0;
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
  const auto fault = party.fault;
  const auto word = [&] { program.add_to(worker.woken[fiber], 1, Order::kRelease); };
  const auto summary = [&] { program.add_to(worker.summary, 1, Order::kRelease); };
  for (int n = 1; n <= party.messages; ++n) {
    const auto change = [&] { program.store(worker.sent[fiber], n, Order::kRelease); };
    if (fault != WakeFault::kBitsBeforeChange) change();
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
      });
    }
    program.go_if(all_done, done);
    collect();
    // Scheduler::sleep_on_bell
    program.when(nobody_runs, [&] {
      if (fault != WakeFault::kBellReadAfterLook) program.load(worker.bell, bell);
      program.store(worker.asleep, 1, Order::kRelaxed);
      if (fault != WakeFault::kWorkerDoesNotFence) program.fence();
      if (fault != WakeFault::kNoLookBeforeSleep) program.load(worker.summary, found);
      if (fault == WakeFault::kBellReadAfterLook) program.load(worker.bell, bell);
      program.when([=](const Locals& own) { return own[found] == 0; },
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
                      .sent = model.cells("sent", party.fibers)};
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

TEST(WakeModel, MaySleepShort) {
  expect_holds(model_of({.fibers = 1, .messages = 3, .wakes_for_nothing = 2}));
}

struct Mistake {
  const char* name;
  WakeFault fault;
  Ordering ordering = Ordering::kX86;
};
void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

class WakeMistake : public testing::TestWithParam<Mistake> {};
INSTANTIATE_TEST_SUITE_P(
    Is, WakeMistake,
    testing::Values(Mistake{"SummaryFirst", WakeFault::kSummaryFirst},
                    Mistake{"WordTakenFirst", WakeFault::kWordTakenFirst},
                    Mistake{"WorkerDoesNotFence", WakeFault::kWorkerDoesNotFence},
                    Mistake{"RingerDoesNotFence", WakeFault::kRingerDoesNotFence,
                            Ordering::kWeakStores},
                    Mistake{"NoLookBeforeSleep", WakeFault::kNoLookBeforeSleep},
                    Mistake{"BellReadAfterLook", WakeFault::kBellReadAfterLook},
                    Mistake{"BellUnchanged", WakeFault::kBellUnchanged},
                    Mistake{"BitsBeforeChange", WakeFault::kBitsBeforeChange}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_P(WakeMistake, IsNoticed) {
  const auto& mistake = GetParam();
  expect_broken(model_of({.fault = mistake.fault}), mistake.ordering, "sleeps for ever");
}

}  // namespace
}  // namespace mvm::model
