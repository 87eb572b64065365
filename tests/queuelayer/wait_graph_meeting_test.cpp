// SPDX-License-Identifier: Apache-2.0
// Which tasks can never move again, where they exchange with their neighbours or meet in collective
// operations.

#include "wait_graph_lab.hpp"

namespace mvm::queue {
namespace {

TEST(WaitGraph, FindsAnExchangeWithOneWhoDoesNotExchange) {
  auto group = exchanging_chain();
  group.exchanges(0, {2}, {});
  group.receives(1, 0);
  const auto found = group.look();
  EXPECT_EQ(found.knots, (std::vector<std::vector<std::uint32_t>>{{0, 1}}));
  const auto& wait = found.task(0).waits[0];
  EXPECT_EQ(wait.place, "port in2");
  ASSERT_EQ(wait.awaited.size(), 1U);
  EXPECT_EQ(wait.awaited[0].port, "in2");
  EXPECT_FALSE(wait.awaited[0].room);
}

/// Any of what is pending ends the wait, and the exchange goes on with the rest.
TEST(WaitGraph, NeedsEveryoneStuckWhomAnExchangeWaitsFor) {
  auto group = exchanging_chain();
  group.exchanges(1, {0, 3}, {1, 2});
  group.receives(0, 2);
  EXPECT_TRUE(group.stuck().empty()) << "task 2 may send, or make room";
  EXPECT_EQ(group.look().task(1).condition, TaskCondition::kWaits);
  group.receives(2, 1);
  EXPECT_EQ(group.stuck(), (std::set<std::uint32_t>{0, 1, 2}));
  const auto waits = group.look();
  const auto& wait = waits.task(1).waits[0];
  EXPECT_EQ(wait.place, "ports in0, in3, out1, out2");
  ASSERT_EQ(wait.awaited.size(), 4U);
  EXPECT_EQ(wait.awaited[2].task, 2U);
  EXPECT_EQ(wait.awaited[2].port, "out1");
  EXPECT_TRUE(wait.awaited[2].room);
}

TEST(WaitGraph, DoesNotCountWhatAnExchangeHasDone) {
  auto group = exchanging_chain();
  group.exchanges(1, {0}, {});  // done with task 2, which goes on
  group.receives(0, 2);
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0, 1}}));
}

TEST(WaitGraph, BelievesThatAnExchangeCanGoOn) {
  const auto stuck_after = [](const auto& change) {
    auto group = exchanging_chain({0, 1, 1});  // edges 0 and 2 cross
    group.exchanges(0, {2}, {0});
    group.receives(1, 3);
    group.exchanges(2, {1}, {});
    change(group);
    return group.stuck().size();
  };
  EXPECT_EQ(stuck_after([](Group&) {}), 3U);
  EXPECT_EQ(stuck_after([](Group& group) { group.task(0).waits[0].limited = true; }), 2U);
  EXPECT_EQ(stuck_after([](Group& group) { group.task(2).waits[0].can_go_on = true; }), 0U);
  EXPECT_EQ(stuck_after([](Group& group) {
              auto& sent = group.count(2, 1);
              sent.enqueued = sent.left = 1;
            }),
            2U)
      << "a message is on its way to task 0";
  EXPECT_EQ(stuck_after([](Group& group) { group.count(0, 1).enqueued = 1; }), 2U)
      << "word of room is on its way to task 0";
  EXPECT_EQ(stuck_after([](Group& group) { group.task(1).threads = 2; }), 0U);
  EXPECT_EQ(stuck_after([](Group& group) { group.task(0).waits[0].pending.clear(); }), 2U)
      << "that exchange is done";
}

/// Nothing that is pending there can be waited for: word of that is on its way to the exchange.
TEST(WaitGraph, BelievesAnExchangeWithOneWhoHasEnded) {
  auto group = exchanging_chain();
  group.exchanges(1, {3}, {2});
  group.receives(2, 1);
  group.task(0).state = TaskState::kEnded;
  EXPECT_TRUE(group.stuck().empty());
}

// Collective operations.

TEST(WaitGraph, FindsATeamThatOneMemberKeepsWaiting) {
  Group group({0, 0, 0}, {{0, {2}}, {2, {0}}}, {{0, 1, 2}});
  group.meets(0, 0);
  group.meets(1, 0);
  EXPECT_TRUE(group.stuck().empty()) << "task 2 computes";
  group.receives(2, 0);
  EXPECT_EQ(group.stuck(), (std::set<std::uint32_t>{0, 1, 2}));
  const auto waits = group.look();
  ASSERT_EQ(waits.task(1).waits[0].awaited.size(), 1U);
  EXPECT_EQ(waits.task(1).waits[0].awaited[0].task, 2U);
  EXPECT_EQ(waits.task(1).waits[0].place, "team0");
}

TEST(WaitGraph, BelievesATeamThatIsComplete) {
  Group group({0, 0}, {{0, {1}}}, {{0, 1}});
  group.meets(0, 0);
  group.meets(1, 0);
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, BelievesATeamThatAMemberHasLeft) {
  Group group({0, 0, 0}, {{0, {2}}, {2, {0}}}, {{0, 1, 2}});
  group.meets(0, 0);
  group.receives(2, 0);
  group.task(1).state = TaskState::kEnded;
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, FindsTwoTeamsThatCrossTheirOrder) {
  Group group({0, 0}, {{0, {1}}}, {{0, 1}, {0, 1}});
  group.meets(0, 0);
  group.meets(1, 1);
  EXPECT_EQ(group.stuck(), (std::set<std::uint32_t>{0, 1}));
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0, 1}}));
}

/// Where one member is all that an operation needs, the others do not count.
TEST(WaitGraph, FindsARootThatKeepsAMemberWaiting) {
  Group group({0, 0, 0}, {{1, {0}}}, {{0, 1, 2}});
  group.receives(0, 0);
  group.meets_member(1, 0, 0);
  EXPECT_EQ(group.stuck(), (std::set<std::uint32_t>{0, 1})) << "though task 2 computes";
  const auto waits = group.look();
  ASSERT_EQ(waits.task(1).waits[0].awaited.size(), 1U);
  EXPECT_EQ(waits.task(1).waits[0].awaited[0].task, 0U);
  EXPECT_EQ(waits.task(1).waits[0].place, "team0");
}

/// What the root sends to another machine comes through the leader there.
TEST(WaitGraph, ExpectsTheLeaderToBringWhatARootElsewhereGives) {
  Group group({0, 1, 1, 1}, {{2, {0}}, {0, {1}}}, {{0, 1, 2, 3}});
  group.plans()[1].tasks[0].ports[0].name = "@team0.up";
  group.receives(0, 0);
  group.meets_member(2, 0, 0);
  EXPECT_TRUE(group.stuck().empty()) << "the leader, task 1, computes";
  auto& wait = group.meets(1, 0);
  wait.kind = WaitKind::kReceive;
  wait.subject = 0;
  EXPECT_EQ(group.stuck(), (std::set<std::uint32_t>{0, 1, 2}));
}

/// Leaders wait for other machines at hidden ports: there they are in the operation, too.
TEST(WaitGraph, CountsALeaderAtItsHiddenPortAsPresent) {
  Group group({0, 0, 1}, {{2, {0}}}, {{0, 1, 2}});
  group.plans()[0].tasks[0].ports[0].name = "@team0.down0";
  auto& wait = group.meets(0, 0);
  wait.kind = WaitKind::kReceive;
  wait.subject = 0;
  group.meets(1, 0);
  group.meets(2, 0);
  EXPECT_TRUE(group.stuck().empty());
}

}  // namespace
}  // namespace mvm::queue
