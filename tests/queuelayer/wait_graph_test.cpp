// SPDX-License-Identifier: Apache-2.0
// Which tasks can never move again: by waits at queues, and who counts as one who can move.

#include "wait_graph_lab.hpp"

namespace mvm::queue {
namespace {

TEST(WaitGraph, FindsARingInWhichAllReceiveFirst) {
  const auto group = waiting_ring();
  const auto waits = group.look();
  ASSERT_EQ(waits.knots.size(), 1U);
  EXPECT_EQ(waits.knots[0], (std::vector<std::uint32_t>{0, 3, 2, 1})) << "each waits for the next";
  const auto& first = waits.task(0);
  EXPECT_EQ(first.condition, TaskCondition::kStuck);
  EXPECT_EQ(first.name, "task[0]");
  ASSERT_EQ(first.waits.size(), 1U);
  EXPECT_EQ(first.waits[0].place, "in3");
  ASSERT_EQ(first.waits[0].awaited.size(), 1U);
  EXPECT_EQ(first.waits[0].awaited[0].task, 3U);
}

TEST(WaitGraph, TellsWhatHasPassedOnEachEdge) {
  auto group = waiting_ring();
  group.count(3).enqueued = 12;
  group.count(3).dequeued = 12;
  const auto waits = group.look();
  EXPECT_EQ(waits.task(0).waits[0].awaited[0].sent, 12U);
  EXPECT_EQ(waits.task(0).waits[0].awaited[0].received, 12U);
}

TEST(WaitGraph, FindsARingInWhichAllWaitForRoom) {
  Group group({0, 0, 0}, ring_of(3));
  for (std::uint32_t t = 0; t < 3; ++t) group.sends(t, t);
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0, 1, 2}}));
}

TEST(WaitGraph, FindsATaskThatWaitsForItself) {
  Group group({0, 0}, {{0, {0}}, {1, {0}}});
  group.receives(0, 0);
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0}}));
}

TEST(WaitGraph, FindsAPairAmongOthersThatGoOn) {
  Group group({0, 0, 0, 0}, {{0, {1}}, {1, {0}}, {2, {3}}, {3, {2}}});
  group.receives(0, 1);
  group.receives(1, 0);
  group.receives(2, 3);
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0, 1}}));
  EXPECT_EQ(group.look().task(2).condition, TaskCondition::kWaits);
  EXPECT_EQ(group.look().task(3).condition, TaskCondition::kRuns);
}

/// Whoever waits for a knot is stuck as well, but not to blame.
TEST(WaitGraph, TellsTheKnotFromThoseWhoWaitForIt) {
  Group group({0, 0, 0, 0}, {{0, {1}}, {1, {0}}, {1, {2}}, {2, {3}}});
  group.receives(0, 1);
  group.receives(1, 0);
  group.receives(2, 2);
  group.receives(3, 3);
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0, 1}}));
  EXPECT_EQ(group.stuck(), (std::set<std::uint32_t>{0, 1, 2, 3}));
}

TEST(WaitGraph, FindsTwoKnots) {
  Group group({0, 0, 0, 0}, {{0, {1}}, {1, {0}}, {2, {3}}, {3, {2}}});
  for (std::uint32_t t = 0; t < 4; ++t) group.receives(t, t ^ 1);
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0, 1}, {2, 3}}));
}

/// One sends into a full queue, the other receives from the wrong end.
TEST(WaitGraph, FindsASendAndAReceiveThatMissEachOther) {
  Group group({0, 0}, {{0, {1}}, {0, {1}}});
  group.sends(0, 0);
  group.receives(1, 1);
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0, 1}}));
}

TEST(WaitGraph, NeedsEverySenderOfAnyPortStuck) {
  Group group({0, 0, 0}, {{0, {2}}, {1, {2}}, {2, {0}}, {2, {1}}});
  group.receives_any(2);
  group.receives(0, 2);
  EXPECT_TRUE(group.stuck().empty()) << "task 1 may still send";
  group.receives(1, 3);
  EXPECT_EQ(group.stuck().size(), 3U);
}

TEST(WaitGraph, LetsOneReceiverOfManyMakeRoom) {
  Group group({0, 0, 0}, {{0, {1, 2}}, {1, {0}}});
  group.sends(0, 0);
  group.receives(1, 0);
  EXPECT_TRUE(group.stuck().empty()) << "task 2 computes, and will take a message";
}

// What counts as one who can move. Each takes the ring of four and changes one thing.

TEST(WaitGraph, BelievesAComputingThread) {
  auto group = waiting_ring();
  group.task(2).threads = 2;
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, WantsEveryThreadOfATaskToWait) {
  Group group({0, 0, 0}, {{0, {1}}, {1, {0}}, {2, {1}}});
  group.receives(0, 1);
  group.receives(1, 0);
  group.receives(1, 2);
  group.task(1).threads = 2;
  EXPECT_TRUE(group.stuck().empty()) << "task 2 computes, and may send to the second thread";
}

TEST(WaitGraph, BelievesChildProcesses) {
  auto group = waiting_ring();
  group.task(1).has_children = true;
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, BelievesLimitedWaits) {
  auto group = waiting_ring();
  group.task(3).waits[0].limited = true;
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, BelievesThatAMessageIsThere) {
  auto group = waiting_ring();
  group.task(0).waits[0].can_go_on = true;
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, BelievesTasksThatStartOrHaveJustEnded) {
  for (const auto state : {TaskState::kStarting, TaskState::kEnded}) {
    auto group = waiting_ring();
    group.task(1).state = state;
    EXPECT_TRUE(group.stuck().empty());
  }
}

/// A closed channel brings nothing any more; the other one decides.
TEST(WaitGraph, ExpectsNothingFromAClosedChannel) {
  Group group({0, 0, 0}, {{0, {1}}, {1, {0}}, {2, {1}}});
  group.receives(0, 1);
  group.receives_any(1);
  EXPECT_TRUE(group.stuck().empty());
  group.task(2).state = TaskState::kEnded;
  EXPECT_TRUE(group.stuck().empty()) << "word of its end may be on its way";
  group.count(2).sender_closed = true;
  EXPECT_EQ(group.stuck(), (std::set<std::uint32_t>{0, 1}));
}

TEST(WaitGraph, BelievesProgramsOutside) {
  auto group = waiting_ring();
  for (auto& channel : group.plans()[0].channels) {
    if (channel.id == 3) channel.sender = kOutside;
  }
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, SaysNothingOfAMachineThatDoesNotAnswer) {
  auto group = waiting_ring({0, 0, 1, 1});
  EXPECT_EQ(group.stuck().size(), 4U);
  group.statuses()[1] = {};
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, BelievesMessagesBetweenMachines) {
  auto group = waiting_ring({0, 0, 1, 1});  // edges 1 and 3 cross
  group.count(1, 0).enqueued = 5;
  group.count(1, 0).left = 1;  // sent, and not known to be received
  EXPECT_TRUE(group.stuck().empty());
  group.count(1, 0).left = 0;
  EXPECT_EQ(group.stuck().size(), 4U);
}

/// A task may close a port and live on; its neighbour elsewhere is about to be told.
TEST(WaitGraph, BelievesAnEndBetweenMachines) {
  Group group({0, 1}, {{0, {1}}, {1, {0}}});
  group.receives(0, 1);
  group.receives(1, 0);
  EXPECT_EQ(group.stuck().size(), 2U);
  group.count(0, 0).sender_closed = true;
  EXPECT_TRUE(group.stuck().empty());
}

TEST(WaitGraph, BelievesRoomThatIsBeingTold) {
  Group group({0, 1}, {{0, {1}}, {1, {0}}});
  group.sends(0, 0);
  group.receives(1, 0);
  auto& sent = group.count(0, 0);
  auto& got = group.count(0, 1);
  sent.enqueued = sent.left = 4;
  got.enqueued = got.left = 4;
  group.task(1).waits.clear();
  group.sends(1, 1);
  EXPECT_EQ(group.stuck().size(), 2U);
  got.left = 3;  // one was received, and its sender does not know yet
  got.dequeued = 1;
  EXPECT_TRUE(group.stuck().empty());
  sent.left = 3;
  EXPECT_EQ(group.stuck().size(), 2U);
}

TEST(WaitGraph, BelievesWhatIsOnItsWayToCompetitorsElsewhere) {
  Group group({0, 0, 1}, {{0, {1, 2}}});
  group.sends(0, 0);
  group.receives(1, 0);
  group.receives(2, 0);
  auto& sent = group.count(0, 0);
  auto& got = group.count(0, 1);
  sent.enqueued = sent.left = 4;
  EXPECT_TRUE(group.stuck().empty()) << "all four are under way to machine 1";
  got.enqueued = got.left = 4;
  EXPECT_EQ(group.stuck().size(), 3U) << "its receiver holds all of them";
  got.left = 3;
  got.dequeued = 1;
  EXPECT_TRUE(group.stuck().empty()) << "the sender does not know yet of one's room";
  sent.left = 3;
  EXPECT_EQ(group.stuck().size(), 3U);
  sent.dequeued = 1;  // received on machine 0
  sent.enqueued = 5;
  EXPECT_EQ(group.stuck().size(), 3U);
}

TEST(WaitGraph, WantsRoomToldAlsoWhereNobodyWaitsForMessages) {
  // The sender waits for room, and both competitors for room in queues that nobody empties.
  Group group({0, 0, 1}, {{0, {1, 2}}, {1, {0}}, {2, {0}}});
  group.sends(0, 0);
  group.sends(1, 1);
  group.sends(2, 2);
  auto& sent = group.count(0, 0);
  auto& got = group.count(0, 1);
  sent.enqueued = sent.left = 4;
  got.enqueued = got.left = 1;
  EXPECT_EQ(group.stuck().size(), 3U);
  got.left = 0;
  got.dequeued = 1;
  EXPECT_TRUE(group.stuck().empty());
  sent.left = 3;
  EXPECT_EQ(group.stuck().size(), 3U);
}

// Two snapshots.

TEST(SameStandstill, SeesANewWait) {
  const auto before = waiting_ring();
  EXPECT_TRUE(same_standstill(before.look(), before.look()));
  auto after = waiting_ring();
  after.task(2).waits[0].lasted = std::chrono::seconds(3);
  EXPECT_TRUE(same_standstill(before.look(), after.look())) << "time goes on";
  after.task(2).waits[0].number = 2;
  EXPECT_FALSE(same_standstill(before.look(), after.look()));
}

TEST(SameStandstill, SeesANewMessage) {
  const auto before = waiting_ring();
  auto after = waiting_ring();
  after.count(1).enqueued = after.count(1).dequeued = 1;
  EXPECT_FALSE(same_standstill(before.look(), after.look()));
}

TEST(SameStandstill, SeesMessagesAtMoreChannelsThanItNames) {
  constexpr std::uint32_t kSenders = WaitGraph::kMaxAwaited + 10;
  std::vector<Edge> edges;
  for (std::uint32_t t = 1; t <= kSenders; ++t) edges.push_back({t, {0}});
  for (std::uint32_t t = 1; t <= kSenders; ++t) edges.push_back({0, {t}});
  Group group(std::vector<std::uint32_t>(kSenders + 1, 0), edges);
  group.receives_any(0);
  for (std::uint32_t t = 1; t <= kSenders; ++t) group.receives(t, kSenders + t - 1);
  const auto before = group.look();
  ASSERT_EQ(group.stuck().size(), kSenders + 1);
  auto& last = group.count(kSenders - 1);
  last.enqueued = last.dequeued = 1;
  EXPECT_FALSE(same_standstill(before, group.look()));
}

TEST(SameStandstill, SeesOtherOperationsOfAnExchange) {
  auto before = exchanging_chain();
  before.exchanges(1, {0}, {2});
  before.exchanges(0, {2}, {});
  auto after = exchanging_chain();
  after.exchanges(1, {0}, {});
  after.exchanges(0, {2}, {});
  ASSERT_EQ(before.stuck(), after.stuck());
  EXPECT_FALSE(same_standstill(before.look(), after.look()));
}

TEST(SameStandstill, SeesThatFewerAreStuck) {
  const auto before = waiting_ring();
  auto after = waiting_ring();
  after.task(2).threads = 2;
  EXPECT_FALSE(same_standstill(before.look(), after.look()));
}

TEST(WaitGraph, IsQuickForALongChain) {
  constexpr std::uint32_t kTasks = 100'000;
  Group group(std::vector<std::uint32_t>(kTasks, 0), ring_of(kTasks));
  for (std::uint32_t t = 0; t < kTasks; ++t) {
    // `receives` would look for each by name.
    auto& status = group.statuses()[0].tasks[t];
    const auto& ports = group.plans()[0].tasks[t].ports;
    const std::uint32_t in = ports[0].receives.empty() ? 1 : 0;
    status.waits.push_back({.kind = WaitKind::kReceive, .subject = in, .number = 1});
  }
  const auto waits = group.look();
  ASSERT_EQ(waits.knots.size(), 1U);
  EXPECT_EQ(waits.knots[0].size(), kTasks);
}

}  // namespace
}  // namespace mvm::queue
