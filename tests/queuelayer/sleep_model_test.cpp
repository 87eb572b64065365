// SPDX-License-Identifier: Apache-2.0
// Sleeping and ringing (waiter.hpp), in all orders: nobody sleeps while something is there for it.
// Each property is also tried with a fault, which the model must notice.
#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "modelled_endpoint.hpp"

namespace mvm::model {
namespace {

struct Party {
  bool ringers_fence = true;
  int ringers = 1;
  int waiters = 1;       ///< threads of one task, each for ringers of its own
  int messages = 3;      ///< of each ringer
  bool limited = false;  ///< the waiters' first waits
  Value wakes_for_nothing = 0;
  bool dies = false;  ///< the waiter
  WaitFault fault = WaitFault::kNone;
  bool ringer_stays_outside = false;  ///< did not ask for the waiters' fences
};

Program ringer(const std::string& name, const Party& party, const Endpoint& endpoint, Cell sent) {
  Program program(name);
  for (int n = 1; n <= party.messages; ++n) {
    change_and_ring(program, endpoint, party.fault,
                    [&] { program.store(sent, n, Order::kRelease); });
  }
  return program;
}

/// Takes what its ringers sent until it has all.
Program waiter(const std::string& name, const Party& party, const Endpoint& endpoint, Cell sent,
               int ringers) {
  Program program(name);
  program.may_wake_for_nothing(party.wakes_for_nothing);
  if (party.dies) program.may_be_killed();
  const auto ready = program.local();
  const auto seen = program.local();
  std::vector<Local> taken;
  for (int i = 0; i < ringers; ++i) taken.push_back(program.local());
  const auto look = [&] {
    const auto found = program.label();
    for (int i = 0; i < ringers; ++i) {
      const auto before = taken[static_cast<std::size_t>(i)];
      program.load(sent[i], seen);
      program.set(ready, [=](const Locals& own) { return own[seen] != own[before]; });
      program.when(ready, [&] {
        program.set(before, seen);
        program.go(found);
      });
    }
    program.place(found);
    program.set(seen, 0);
  };
  const auto has_all = [=, all = party.messages](const Locals& own) {
    return std::ranges::all_of(taken, [&](Local local) { return own[local] == all; });
  };
  if (party.limited) wait_asleep(program, endpoint, ready, look, party.fault, true);
  program.loop([&](Label done) {
    program.set(ready, 0);
    program.go_if(has_all, done);
    wait_asleep(program, endpoint, ready, look, party.fault);
  });
  return program;
}

Model model_of(const Party& party) {
  Model model;
  const auto endpoint = add_endpoint(model, "waiter", party.ringers_fence);
  const auto sent = model.cells("sent", party.ringers * party.waiters);
  for (int i = 0; i < party.waiters; ++i) {
    const auto name = "waiter" + std::to_string(i);
    model.add(waiter(name, party, endpoint, sent[i * party.ringers], party.ringers));
  }
  for (int i = 0; i < party.ringers * party.waiters; ++i) {
    const auto number = model.add(ringer("ringer" + std::to_string(i), party, endpoint, sent[i]));
    if (party.ringer_stays_outside && i == 0) model.leave_out_of_fences(number);
  }
  model.check_final([=](const View& view) -> std::string {
    const bool counted = !party.dies && view[endpoint.sleepers] != 0;
    return counted ? "somebody who is awake counts as a sleeper" : "";
  });
  return model;
}

class Sleep : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static Party party() {
    Party party;
    party.ringers_fence = GetParam();
    return party;
  }
};
INSTANTIATE_TEST_SUITE_P(Fences, Sleep, testing::Bool(), [](const auto& chosen) {
  return std::string(chosen.param ? "OfTheRingers" : "OfTheWaiter");
});

TEST_P(Sleep, LosesNoWakeUp) {
  expect_holds(model_of(party()));
}

TEST_P(Sleep, MayEndForNothing) {
  auto p = party();
  p.wakes_for_nothing = 2;
  expect_holds(model_of(p));
}

TEST_P(Sleep, MayEndByATimeLimit) {
  auto p = party();
  p.limited = true;
  p.wakes_for_nothing = 1;
  expect_holds(model_of(p));
}

TEST_P(Sleep, IsForSeveralRingers) {
  auto p = party();
  p.ringers = 2;
  p.messages = 2;
  expect_holds(model_of(p));
}

TEST_P(Sleep, IsForSeveralThreadsOfATask) {
  auto p = party();
  p.waiters = 2;
  p.messages = 1;
  p.wakes_for_nothing = 1;
  expect_holds(model_of(p));
}

/// A waiter that is killed stays counted, which costs the others needless rings.
TEST_P(Sleep, HoldsUpNobodyWhenTheSleeperIsKilled) {
  auto p = party();
  p.ringers = 2;
  p.messages = 2;
  p.dies = true;
  expect_holds(model_of(p));
}

struct Mistake {
  const char* name;
  WaitFault fault;
  bool ringers_fence;
  Ordering ordering = Ordering::kX86;
  int waiters = 1;
};
void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

class SleepMistake : public testing::TestWithParam<Mistake> {};
INSTANTIATE_TEST_SUITE_P(
    Is, SleepMistake,
    testing::Values(
        Mistake{"RingerDoesNotFence", WaitFault::kRingerDoesNotFence, true},
        Mistake{"WaiterDoesNotFence", WaitFault::kWaiterDoesNotFence, true, Ordering::kWeakStores},
        Mistake{"WaiterFencesForNobody", WaitFault::kWaiterDoesNotFence, false},
        Mistake{"WaiterFencesForItself", WaitFault::kWaiterFencesForItself, false},
        Mistake{"BellReadAfterLook", WaitFault::kBellReadAfterLook, true},
        Mistake{"NoLookOnceCounted", WaitFault::kNoLookOnceCounted, true},
        Mistake{"NoLookOnceCountedByAWaiterThatFences", WaitFault::kNoLookOnceCounted, false},
        Mistake{"LookedAtSleepersFirst", WaitFault::kLookedAtSleepersFirst, true},
        Mistake{"LookedAtSleepersFirstWithoutAFence", WaitFault::kLookedAtSleepersFirst, false},
        Mistake{"BellUnchanged", WaitFault::kBellUnchanged, true},
        Mistake{"NobodyWoken", WaitFault::kNobodyWoken, true},
        Mistake{"SleeperSetsFlag", WaitFault::kSleeperSetsFlag, true, Ordering::kX86, 2}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_P(SleepMistake, IsNoticed) {
  const auto& mistake = GetParam();
  Party party;
  party.fault = mistake.fault;
  party.ringers_fence = mistake.ringers_fence;
  party.waiters = mistake.waiters;
  party.messages = mistake.waiters == 1 ? 3 : 1;
  expect_broken(model_of(party), mistake.ordering, "sleeps for ever");
}

TEST(SleepModel, NeedsEveryRingerToTakePartInTheWaitersFences) {
  Party party;
  party.ringers_fence = false;
  party.ringers = 2;
  party.messages = 1;
  party.ringer_stays_outside = true;
  expect_broken(model_of(party), Ordering::kX86, "sleeps for ever");
}

}  // namespace
}  // namespace mvm::model
