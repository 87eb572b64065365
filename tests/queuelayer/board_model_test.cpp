// SPDX-License-Identifier: Apache-2.0
// Members of a team that meet at a board (board.cpp), in all orders: who sleeps for another is
// woken when that one contributes, finishes, leaves or is killed, and what is read is what was
// shown. Each rule is also broken, which the model must notice.
#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "modelled_endpoint.hpp"

namespace mvm::model {
namespace {

enum class BoardFault {
  kNone,
  kAwaitsToldLate,  ///< after the sleeper's last look
  kWakerDoesNotFence,
  kWakerTrustsOneWaiter,  ///< that one fences for others, while another does not
  kWaiterFencesForItself,
  kLeavesInSilence,
  kQueueVmSilent,
  kNumberFirst,  ///< of the operation, and the bytes then
  kNumberNotRelease,
  kOverwritesUnread,  ///< does not wait until the readers have finished
  kGoneLookedAtLast,  ///< after whether there is a contribution
};

enum class Flow { kAmongAll, kFromFirst, kToFirst };

struct Team {
  std::vector<bool> ringers_fence;  ///< of each member's endpoint
  int operations = 2;
  Flow flow = Flow::kAmongAll;
  bool leave = true;  ///< when they are through
  int quitter = -1;   ///< this member leaves after the first operation, and lives on
  int killed = -1;    ///< this one, maybe
  BoardFault fault = BoardFault::kNone;

  [[nodiscard]] int members() const { return static_cast<int>(ringers_fence.size()); }
  [[nodiscard]] bool writes(int member) const {
    return flow == Flow::kAmongAll || (member == 0) == (flow == Flow::kFromFirst);
  }
  [[nodiscard]] bool reads(int member) const {
    return flow == Flow::kAmongAll || (member == 0) == (flow == Flow::kToFirst);
  }
  [[nodiscard]] bool all_stay() const { return killed < 0 && quitter < 0; }
  /// Board::waiters_fence_
  [[nodiscard]] bool waiters_fence() const {
    const auto fences = [](bool ringers) { return !ringers; };
    if (fault == BoardFault::kWakerTrustsOneWaiter) {
      return std::ranges::any_of(ringers_fence, fences);
    }
    return std::ranges::all_of(ringers_fence, fences);
  }
};

struct Board {
  std::vector<Endpoint> endpoints;
  Cell operation;  ///< of each member two contributions
  Cell bytes;      ///< of each contribution
  Cell finished;
  Cell gone;
  Cell awaits;

  [[nodiscard]] const Endpoint& endpoint(int member) const {
    return endpoints[static_cast<std::size_t>(member)];
  }
};

int contribution(int member, int operation) {
  return 2 * member + operation % 2;
}
int arrival_of(int member) {
  return 1 + member;
}
int finish_of(int member) {
  return 0x80 + member;
}

class MemberProgram {
 public:
  MemberProgram(const Team& team, const Board& board, int self)
      : team_(team), board_(board), self_(self), program_("member" + std::to_string(self)) {
    if (team.killed == self) program_.may_be_killed();
    const auto last = team.quitter == self ? 1 : team.operations;
    for (int operation = 1; operation <= last; ++operation) {
      if (team.writes(self)) contribute(operation);
      if (team.reads(self)) read_all(operation);
      program_.store(board.finished[self], operation, Order::kRelease);
      wake(finish_of(self));
    }
    program_.place(leaving_);
    if (!team.leave) return;
    program_.store(board.gone[self], 1, Order::kRelease);
    if (team.fault == BoardFault::kLeavesInSilence) return;
    for (int member = 0; member < team.members(); ++member) {
      if (member != self) ring(program_, board.endpoint(member));
    }
  }
  Program take() { return std::move(program_); }

 private:
  /// Board::reserve and publish. Who saw all contribute to the operation before need not look
  /// whether they have finished the one before that.
  void contribute(int operation) {
    const bool looks =
        team_.flow != Flow::kAmongAll && team_.fault != BoardFault::kOverwritesUnread;
    for (int member = 0; member < team_.members() && looks && operation > 2; ++member) {
      if (team_.reads(member)) wait_until_finished(member, operation - 2);
    }
    const auto at = contribution(self_, operation);
    const bool number_first = team_.fault == BoardFault::kNumberFirst;
    const bool plain = team_.fault == BoardFault::kNumberNotRelease;
    const auto show = [&] {
      program_.store(board_.operation[at], operation, plain ? Order::kRelaxed : Order::kRelease);
    };
    if (number_first) show();
    program_.store(board_.bytes[at], operation, Order::kRelaxed);
    if (!number_first) show();
    wake(arrival_of(self_));
  }

  void read_all(int operation) {
    for (int member = 0; member < team_.members(); ++member) {
      if (member == self_ || !team_.writes(member)) continue;
      wait_for(member, operation);
      program_.load(board_.bytes[contribution(member, operation)], read_);
      program_.require([=, read = read_](const Locals& own) { return own[read] == operation; },
                       "read what was not shown");
      program_.set(read_, 0);
    }
  }

  /// Board::wait_for. Who is gone may have contributed just before.
  void wait_for(int member, int operation) {
    const auto seat = board_.operation[contribution(member, operation)];
    const auto arrived = [&] {
      program_.load(seat, ready_);
      program_.set(ready_,
                   [=, ready = ready_](const Locals& own) { return own[ready] == operation; });
    };
    const auto look = [&] {
      const auto found = program_.label();
      const bool gone_last = team_.fault == BoardFault::kGoneLookedAtLast;
      arrived();
      program_.go_if(ready_, found);
      program_.load(board_.gone[member], gone_);
      program_.go_if([gone = gone_](const Locals& own) { return own[gone] == 0; }, found);
      if (!gone_last) arrived();
      program_.go_if(ready_, found);
      if (team_.all_stay()) program_.require(0, "missed one that contributed");
      program_.go(leaving_);
      program_.place(found);
      program_.set(gone_, 0);
    };
    look();
    sleep_until(arrival_of(member), look);
  }
  void wait_until_finished(int member, int operation) {
    const auto look = [&] {
      const auto found = program_.label();
      program_.load(board_.finished[member], ready_);
      program_.set(ready_,
                   [=, ready = ready_](const Locals& own) { return own[ready] >= operation; });
      program_.go_if(ready_, found);
      program_.load(board_.gone[member], ready_);
      program_.place(found);
    };
    look();
    sleep_until(finish_of(member), look);
  }
  template <typename Look>
  void sleep_until(int awaited, Look&& look) {
    const bool late = team_.fault == BoardFault::kAwaitsToldLate;
    const bool alone = team_.fault == BoardFault::kWaiterFencesForItself;
    const auto tell = [&] { program_.store(board_.awaits[self_], awaited, Order::kRelaxed); };
    program_.when([ready = ready_](const Locals& own) { return own[ready] == 0; },
                  [&] {
                    if (!late) tell();
                    wait_asleep(
                        program_, board_.endpoint(self_), ready_,
                        [&] {
                          look();
                          if (late) tell();
                        },
                        alone ? WaitFault::kWaiterFencesForItself : WaitFault::kNone);
                    program_.store(board_.awaits[self_], 0, Order::kRelaxed);
                  });
    program_.set(ready_, 0);
  }

  /// Board::wake
  void wake(int awaited) {
    const bool forgets = team_.fault == BoardFault::kWakerDoesNotFence;
    if (!team_.waiters_fence() && !forgets) program_.fence();
    for (int member = 0; member < team_.members(); ++member) {
      if (member == self_) continue;
      program_.load(board_.awaits[member], awaits_);
      program_.set(awaits_,
                   [=, awaits = awaits_](const Locals& own) { return own[awaits] == awaited; });
      program_.when(awaits_, [&] { ring(program_, board_.endpoint(member)); });
      program_.set(awaits_, 0);
    }
  }

  const Team& team_;
  const Board& board_;
  int self_;
  Program program_;
  Local ready_ = program_.local();
  Local gone_ = program_.local();
  Local read_ = program_.local();
  Local awaits_ = program_.local();
  Label leaving_ = program_.label();
};

/// What the queue VM does when a member has ended: marks it, and rings everybody.
Program queue_vm(const Team& team, const Board& board, std::size_t task, int member) {
  Program program("queue VM");
  program.await("reaps it", [=](const View& view, const Locals&) { return view.is_gone(task); });
  program.store(board.gone[member], 1, Order::kRelease);
  if (team.fault == BoardFault::kQueueVmSilent) return program;
  for (const auto& endpoint : board.endpoints) ring(program, endpoint);
  return program;
}

Model model_of(const Team& team) {
  Model model;
  Board board;
  for (int member = 0; member < team.members(); ++member) {
    board.endpoints.push_back(add_endpoint(model, "member" + std::to_string(member),
                                           team.ringers_fence[static_cast<std::size_t>(member)]));
  }
  board.operation = model.cells("operation", 2 * team.members());
  board.bytes = model.cells("bytes", 2 * team.members());
  board.finished = model.cells("finished", team.members());
  board.gone = model.cells("gone", team.members());
  board.awaits = model.cells("awaits", team.members());
  std::vector<std::size_t> tasks;
  for (int member = 0; member < team.members(); ++member) {
    tasks.push_back(model.add(MemberProgram(team, board, member).take()));
  }
  if (team.killed >= 0) {
    model.add(queue_vm(team, board, tasks[static_cast<std::size_t>(team.killed)], team.killed));
  }
  model.check_final([=](const View& view) -> std::string {
    for (int member = 0; member < team.members() && team.all_stay(); ++member) {
      if (view[board.finished[member]] != team.operations) return "a member has not finished";
    }
    return "";
  });
  return model;
}

struct Kinds {
  const char* name;
  bool first;   ///< whether the first member's ringers fence
  bool others;  ///< and those of the others
};
void PrintTo(const Kinds& kinds, std::ostream* out) {
  *out << kinds.name;
}

class BoardModel : public testing::TestWithParam<Kinds> {
 protected:
  [[nodiscard]] static Team team(std::size_t members) {
    Team team;
    team.ringers_fence.assign(members, GetParam().others);
    team.ringers_fence.front() = GetParam().first;
    return team;
  }
};
INSTANTIATE_TEST_SUITE_P(Fences, BoardModel,
                         testing::Values(Kinds{"OfTheRingers", true, true},
                                         Kinds{"OfTheWaiters", false, false},
                                         Kinds{"OfBoth", true, false}),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_P(BoardModel, TwoMeet) {
  expect_holds(model_of(team(2)));
}

TEST_P(BoardModel, TwoSleepForOne) {
  auto t = team(3);
  t.flow = Flow::kFromFirst;
  t.operations = 1;
  t.leave = false;
  expect_holds(model_of(t), Ordering::kX86);
}

TEST_P(BoardModel, OneSleepsForTwo) {
  auto t = team(3);
  t.flow = Flow::kToFirst;
  t.operations = 1;
  t.leave = false;
  expect_holds(model_of(t));
}

TEST_P(BoardModel, WriterWaitsUntilItMayWriteAgain) {
  auto t = team(2);
  t.flow = Flow::kFromFirst;
  t.operations = 3;
  expect_holds(model_of(t));
}

TEST_P(BoardModel, MemberQuits) {
  auto t = team(2);
  t.quitter = 1;
  expect_holds(model_of(t));
}

TEST_P(BoardModel, WriterIsKilled) {
  auto t = team(2);
  t.flow = Flow::kToFirst;
  t.killed = 1;
  expect_holds(model_of(t));
}

TEST_P(BoardModel, ReaderIsKilled) {
  auto t = team(2);
  t.flow = Flow::kFromFirst;
  t.operations = 3;
  t.killed = 1;
  expect_holds(model_of(t), Ordering::kX86);
}

struct Mistake {
  const char* name;
  Team team;
  const char* what;
  Ordering ordering = Ordering::kX86;
};
void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

Team faulty(BoardFault fault, std::vector<bool> ringers_fence) {
  return {.ringers_fence = std::move(ringers_fence), .fault = fault};
}
Team faulty_root(BoardFault fault) {
  return {.ringers_fence = {true, true}, .operations = 3, .flow = Flow::kFromFirst, .fault = fault};
}
Team faulty_at_leaving(BoardFault fault) {
  return {.ringers_fence = {true, true}, .quitter = 1, .fault = fault};
}
Team faulty_at_death(BoardFault fault) {
  return {.ringers_fence = {true, true}, .killed = 1, .fault = fault};
}

constexpr auto kSleeps = "sleeps for ever";
class BoardMistake : public testing::TestWithParam<Mistake> {};
INSTANTIATE_TEST_SUITE_P(
    Is, BoardMistake,
    testing::Values(
        Mistake{"AwaitsToldLate", faulty(BoardFault::kAwaitsToldLate, {true, true}), kSleeps},
        Mistake{"WakerDoesNotFence", faulty(BoardFault::kWakerDoesNotFence, {true, true}), kSleeps},
        Mistake{"WakerTrustsOneWaiter", faulty(BoardFault::kWakerTrustsOneWaiter, {true, false}),
                kSleeps},
        Mistake{"WaiterFencesForItself", faulty(BoardFault::kWaiterFencesForItself, {false, false}),
                kSleeps},
        Mistake{"LeavesInSilence", faulty_at_leaving(BoardFault::kLeavesInSilence), kSleeps},
        Mistake{"QueueVmSilent", faulty_at_death(BoardFault::kQueueVmSilent), kSleeps},
        Mistake{"NumberFirst", faulty(BoardFault::kNumberFirst, {true, true}),
                "read what was not shown"},
        Mistake{"NumberNotRelease", faulty(BoardFault::kNumberNotRelease, {true, true}),
                "read what was not shown", Ordering::kWeakStores},
        Mistake{"OverwritesUnread", faulty_root(BoardFault::kOverwritesUnread),
                "read what was not shown"},
        Mistake{"GoneLookedAtLast", faulty(BoardFault::kGoneLookedAtLast, {true, true}),
                "missed one that contributed"}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_P(BoardMistake, IsNoticed) {
  const auto& mistake = GetParam();
  expect_broken(model_of(mistake.team), mistake.ordering, mistake.what);
}

}  // namespace
}  // namespace mvm::model
