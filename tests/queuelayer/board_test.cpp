// SPDX-License-Identifier: Apache-2.0
// Members of a team at their board: threads on one arena, and processes that are killed.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <mvm/queuelayer/board.hpp>
#include <mvm/queuelayer/wait_board.hpp>
#include <mvm/queuelayer/waiter.hpp>
#include <string>
#include <thread>
#include <vector>

#include "edge_plan.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

using Met = Board::Met;

constexpr Pattern kAllToAll{};
constexpr Pattern kFromRoot{.writers = Part::kRoot, .readers = Part::kEveryone};
constexpr Pattern kToRoot{.writers = Part::kEveryone, .readers = Part::kRoot};
constexpr Pattern kToHigher{
    .writers = Part::kEveryone, .readers = Part::kEveryone, .owners = 0, .only_lower = true};

WiringPlan plan_of_team(std::uint32_t members, std::uint32_t root = 0, bool shares_core = true) {
  auto plan = plan_of(members, {});
  TeamSpec team{.name = "everyone", .root = root, .members = {}, .machines = {}};
  for (std::uint32_t t = 0; t < members; ++t) {
    team.members.push_back(t);
    team.machines.push_back(0);
    plan.tasks[t].teams = {0};
    plan.tasks[t].shares_core = shares_core;
  }
  plan.teams = {team};
  return plan;
}

/// A member at its board, with the heap of its task.
class Member {
 public:
  Member(const Arena& arena, std::uint32_t task)
      : heap_(arena, arena.endpoint(task)), board_(*Board::open(arena, task, 0, heap_)) {}
  Board& board() { return *board_; }

  void give(const std::string& bytes) {
    std::byte* memory = board_->reserve(bytes.size());
    if (memory == nullptr) std::abort();
    std::memcpy(memory, bytes.data(), bytes.size());
    board_->publish();
  }
  std::string read(std::uint32_t member) {
    const auto bytes = board_->contribution(member);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  SenderHeap heap_;
  std::unique_ptr<Board> board_;
};

/// Runs every member in a thread of its own.
void run_members(const Arena& arena, std::uint32_t members,
                 const std::function<void(Member&, std::uint32_t)>& body) {
  std::vector<std::unique_ptr<Member>> all;
  for (std::uint32_t m = 0; m < members; ++m) all.push_back(std::make_unique<Member>(arena, m));
  std::vector<std::thread> threads;
  for (std::uint32_t m = 0; m < members; ++m) {
    threads.emplace_back([&, m] { body(*all[m], m); });
  }
  for (auto& thread : threads) thread.join();
}

/// What a member gives to an operation: of any length around what a seat holds, and above.
std::string value_of(std::uint64_t operation, std::uint32_t member) {
  const auto mixed = (operation * 2654435761u) ^ (member * 40503u);
  const auto length = mixed % 5 == 0 ? mixed % 5000 : mixed % 50;
  std::string value(length, static_cast<char>('a' + (operation + member) % 26));
  return value + std::to_string(operation) + "." + std::to_string(member);
}

struct Shape {
  std::uint32_t members;
  std::uint32_t root;
  bool shares_core;
};
class BoardOf : public testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(Members, BoardOf,
                         testing::Values(Shape{1, 0, true}, Shape{2, 0, false}, Shape{2, 1, true},
                                         Shape{3, 2, true}, Shape{5, 1, true}, Shape{8, 0, false},
                                         Shape{17, 16, true}),
                         [](const auto& chosen) {
                           return std::to_string(chosen.param.members) + "Root" +
                                  std::to_string(chosen.param.root) +
                                  (chosen.param.shares_core ? "Yielding" : "Spinning");
                         });

/// A random run of operations of all patterns, the same at all members, who come late at random.
TEST_P(BoardOf, ShowsEachMemberWhatTheOthersGave) {
  const auto seed = test_seed();
  const auto [members, root, shares_core] = GetParam();
  const auto arena = *Arena::create(plan_of_team(members, root, shares_core));
  std::atomic<int> wrong = 0;
  run_members(arena, members, [&](Member& member, std::uint32_t self) {
    std::mt19937 order(seed);
    std::mt19937 random(seed + 1 + self);
    auto& board = member.board();
    EXPECT_EQ(board.index(), self);
    for (int k = 0; k < 1500; ++k) {
      Pattern patterns[] = {kAllToAll,
                            kFromRoot,
                            kToRoot,
                            kToHigher,
                            {.writers = Part::kEveryone, .readers = Part::kOwners, .owners = 2},
                            {.writers = Part::kOwners, .readers = Part::kEveryone, .owners = 2}};
      const auto& pattern = patterns[order() % 6];
      if (random_below(random, 64) == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(random_below(random, 300)));
      }
      board.begin(k % 1000, pattern);
      const auto operation = board.operation();
      if (board.plays(pattern.writers, pattern.owners, self)) {
        member.give(value_of(operation, self));
      }
      for (std::uint32_t other = 0; other < members; ++other) {
        if (!board.reads(pattern, self, other)) continue;
        if (board.wait_for(other) != Met::kReady) ++wrong;
        if (member.read(other) != value_of(operation, other)) ++wrong;
      }
      // What was read stays until the member has finished, however far the others are.
      if (random_below(random, 16) == 0) std::this_thread::yield();
      for (std::uint32_t other = 0; other < members; ++other) {
        if (!board.reads(pattern, self, other)) continue;
        if (member.read(other) != value_of(operation, other)) ++wrong;
      }
      board.finish();
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Board, TakesTheMemoryOfLargeContributionsBack) {
  auto plan = plan_of_team(2);
  const auto arena = *Arena::create(plan);
  const std::uint64_t length = arena.endpoint(0).heap_size / 5;
  // Each would fill a fifth of the heap, of which no byte is touched.
  run_members(arena, 2, [&](Member& member, std::uint32_t self) {
    auto& board = member.board();
    for (int k = 0; k < 50; ++k) {
      board.begin(1, k % 2 == 0 ? kFromRoot : kAllToAll);
      if (k % 2 != 0 || self == 0) {
        EXPECT_NE(board.reserve(k % 2 == 0 ? length : 10), nullptr) << k;
        board.publish();
      }
      if (k % 2 != 0 || self == 1) {
        EXPECT_EQ(board.wait_for(1 - self), Met::kReady);
      }
      board.finish();
    }
  });
}

TEST(Board, SaysWhenTheHeapHasNoRoom) {
  const auto arena = *Arena::create(plan_of_team(1));
  Member member(arena, 0);
  member.board().begin(1, kAllToAll);
  EXPECT_EQ(member.board().reserve(arena.endpoint(0).heap_size + 1), nullptr);
}

/// One member's part in an operation of all, and what it learnt.
Met meet_all(Member& member, Call call, Board::Culprit& culprit) {
  auto& board = member.board();
  board.begin(call, kAllToAll);
  member.give("x");
  for (std::uint32_t other = 0; other < board.count(); ++other) {
    if (const auto met = board.wait_for(other); met != Met::kReady) {
      culprit = board.culprit();
      board.leave();
      return met;
    }
  }
  board.finish();
  return Met::kReady;
}

TEST(Board, TellsWhoCalledWhatElse) {
  const auto arena = *Arena::create(plan_of_team(3));
  Met met[3];
  Board::Culprit culprit[3];
  run_members(arena, 3, [&](Member& member, std::uint32_t self) {
    ASSERT_EQ(meet_all(member, 10, culprit[self]), Met::kReady);
    met[self] = meet_all(member, self == 2 ? 30 : 20, culprit[self]);
  });
  EXPECT_EQ(met[2], Met::kElsewhere);
  for (const auto self : {0u, 1u}) {
    // The other that called the same may have given up already, and be met first.
    if (met[self] == Met::kGone) continue;
    EXPECT_EQ(met[self], Met::kElsewhere);
    EXPECT_EQ(culprit[self].member, 2u);
    EXPECT_TRUE(culprit[self].knows_calls);
    EXPECT_EQ(culprit[self].its_call, 30u);
    EXPECT_EQ(culprit[self].own_call, 20u);
    EXPECT_EQ(culprit[self].operation, 2u);
  }
  EXPECT_TRUE(met[0] == Met::kElsewhere || met[1] == Met::kElsewhere);
}

/// Where nobody read what differed, the next operation shows it.
TEST(Board, FindsAMismatchInTheOperationBefore) {
  const auto arena = *Arena::create(plan_of_team(2));
  Met met[2];
  Board::Culprit culprit[2];
  run_members(arena, 2, [&](Member& member, std::uint32_t self) {
    auto& board = member.board();
    // The root gives, and the other too: neither reads.
    board.begin(self == 0 ? 5 : 6, self == 0 ? kFromRoot : kToRoot);
    member.give("x");
    board.finish();
    met[self] = meet_all(member, 7, culprit[self]);
  });
  for (const auto self : {0u, 1u}) {
    ASSERT_EQ(met[self], Met::kElsewhere);
    EXPECT_EQ(culprit[self].operation, 1u);
    EXPECT_EQ(culprit[self].its_call, self == 0 ? 6u : 5u);
    EXPECT_EQ(culprit[self].own_call, self == 0 ? 5u : 6u);
  }
}

TEST(Board, TellsThatAMemberPassedBy) {
  const auto arena = *Arena::create(plan_of_team(2));
  Board::Culprit culprit;
  run_members(arena, 2, [&](Member& member, std::uint32_t self) {
    auto& board = member.board();
    if (self == 1) {  // as one that only reads, and what it reads is not there to be waited for
      board.begin(9, kToRoot);
      board.finish();
      return;
    }
    EXPECT_EQ(meet_all(member, 4, culprit), Met::kElsewhere);
    EXPECT_EQ(culprit.member, 1u);
    EXPECT_TRUE(culprit.knows_calls);
    EXPECT_EQ(culprit.its_call, 9u);
  });
}

TEST(Board, TellsAllWhoWaitThatAMemberLeft) {
  const auto arena = *Arena::create(plan_of_team(5));
  std::atomic<int> told = 0;
  run_members(arena, 5, [&](Member& member, std::uint32_t self) {
    Board::Culprit culprit;
    if (self == 3) {
      // When the others sleep, or before: both must work.
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      member.board().leave();
      return;
    }
    if (meet_all(member, 4, culprit) == Met::kGone) ++told;
  });
  EXPECT_EQ(told, 4);
}

TEST(Board, KeepsWhatAMemberGaveBeforeItLeft) {
  const auto arena = *Arena::create(plan_of_team(2));
  Member first(arena, 0);
  {
    Member second(arena, 1);
    second.board().begin(4, kAllToAll);
    second.give("the last word, and it is longer than a seat's forty bytes");
    arena.endpoint(1).state.store(static_cast<std::uint32_t>(EndpointState::kEnded));
  }
  first.board().begin(4, kAllToAll);
  ASSERT_EQ(first.board().wait_for(1), Met::kReady);
  EXPECT_EQ(first.read(1), "the last word, and it is longer than a seat's forty bytes");
  first.board().finish();
  first.board().begin(4, kAllToAll);
  EXPECT_EQ(first.board().wait_for(1), Met::kGone);
}

/// Members are killed at any instruction; those who live are told, and read nothing that was not
/// whole.
TEST(Board, SurvivesKilledMembers) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  for (int round = 0; round < 40; ++round) {
    const auto arena = *Arena::create(plan_of_team(3));
    const pid_t victim = ::fork();
    if (victim == 0) {
      Member member(arena, 2);
      for (;;) {
        auto& board = member.board();
        board.begin(1, kAllToAll);
        member.give(value_of(board.operation(), 2));
        for (const auto other : {0u, 1u}) {
          if (board.wait_for(other) != Met::kReady) ::_exit(0);
        }
        board.finish();
      }
    }
    std::atomic<int> wrong = 0;
    std::atomic<int> gone = 0;
    std::vector<std::thread> threads;
    for (const auto self : {0u, 1u}) {
      threads.emplace_back([&, self] {
        Member member(arena, self);
        auto& board = member.board();
        for (;;) {
          board.begin(1, kAllToAll);
          member.give(value_of(board.operation(), self));
          for (const auto other : {2u, 1 - self}) {
            const auto met = board.wait_for(other);
            if (met != Met::kReady) {
              if (met == Met::kGone) ++gone;
              return;
            }
            if (member.read(other) != value_of(board.operation(), other)) ++wrong;
          }
          board.finish();
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random_below(random, 5000)));
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
    // What the queue VM does when a task has ended.
    arena.endpoint(2).state.store(static_cast<std::uint32_t>(EndpointState::kEnded),
                                  std::memory_order_release);
    for (const auto other : {0u, 1u}) ring(arena.endpoint(other));
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(gone, 2);
  }
}

TEST(Board, NotesWhatASleepingMemberWaitsFor) {
  const auto arena = *Arena::create(plan_of_team(2));
  const auto& team = arena.list<TeamRecord>(arena.header().teams)[0];
  const auto* seats = reinterpret_cast<const Seat*>(arena.base() + team.seats);
  Member late(arena, 1);
  std::thread waiting([&] {
    Member member(arena, 0);
    Board::Culprit culprit;
    EXPECT_EQ(meet_all(member, 1, culprit), Met::kReady);
  });
  std::vector<ReadWait> waits;
  while ((waits = read_waits(arena.endpoint(0))).empty()) std::this_thread::yield();
  EXPECT_EQ(waits[0].subject.kind, WaitKind::kMember) << "of two, there is one other";
  EXPECT_EQ(waits[0].subject.subject, 0u);
  EXPECT_EQ(waits[0].subject.size, 1u);
  EXPECT_EQ(waits[0].subject.channel, 1u);
  EXPECT_EQ(waits[0].subject.seen, seat_changes(seats[1]));
  Board::Culprit culprit;
  EXPECT_EQ(meet_all(late, 1, culprit), Met::kReady);
  EXPECT_NE(waits[0].subject.seen, seat_changes(seats[1]));
  waiting.join();
  EXPECT_TRUE(read_waits(arena.endpoint(0)).empty());
}

/// A task that scribbles over the arena may harm its group, but no process beyond its own reads.
TEST(Board, RefusesContributionsOutsideOfTheArena) {
  const auto arena = *Arena::create(plan_of_team(2));
  Member first(arena, 0);
  Member second(arena, 1);
  second.board().begin(1, kAllToAll);
  second.give(std::string(100, 'x'));
  const auto& team = arena.list<TeamRecord>(arena.header().teams)[0];
  auto* seats = reinterpret_cast<Seat*>(arena.base() + team.seats);
  seats[1].contributions[1].at = arena.size().count - 50;
  first.board().begin(1, kAllToAll);
  EXPECT_EQ(first.board().wait_for(1), Met::kCorrupt);
  EXPECT_EQ(first.board().culprit().member, 1u);
}

TEST(Board, RefusesTeamsThatDoNotHoldTogether) {
  const auto arena = *Arena::create(plan_of_team(2));
  SenderHeap heap(arena, arena.endpoint(0));
  EXPECT_FALSE(Board::open(arena, 0, 1, heap));
  auto& team = arena.list<TeamRecord>(arena.header().teams)[0];
  team.root = 2;
  EXPECT_FALSE(Board::open(arena, 0, 0, heap));
  team.root = 0;
  team.seats = arena.size().count - 64;
  EXPECT_FALSE(Board::open(arena, 0, 0, heap));
}

}  // namespace
}  // namespace mvm::queue
