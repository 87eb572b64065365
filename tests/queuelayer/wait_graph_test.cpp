// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/wait_graph.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "edge_plan.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

using control::Status;
using control::TaskState;
using control::TaskStatus;
using control::ThreadWait;

/// A group whose tasks' states are said by hand. Task t is on machine `machine_of[t]`.
class Group {
 public:
  Group(std::vector<std::uint32_t> machine_of, const std::vector<Edge>& edges,
        const std::vector<std::vector<std::uint32_t>>& teams = {})
      : machine_of_(std::move(machine_of)), edges_(edges) {
    std::uint32_t machines = 1;
    for (const auto machine : machine_of_) machines = std::max(machines, machine + 1);
    const std::vector<std::string> endpoints(machines, machines == 1 ? "" : "ipc:///x");
    for (std::uint32_t m = 0; m < machines; ++m) {
      plans_.push_back(plan_of_machine(m, machine_of_, endpoints, edges));
    }
    for (std::uint32_t number = 0; number < teams.size(); ++number) add_team(number, teams[number]);
    for (const auto& plan : plans_) {
      auto& status = statuses_.emplace_back();
      for (const auto& task : plan.tasks) {
        TaskStatus attached;
        attached.task = task.id;
        attached.state = TaskState::kAttached;
        attached.pid = 1;
        attached.threads = 1;
        status.tasks.push_back(attached);
      }
      for (const auto& channel : plan.channels) {
        auto& count = status.channels.emplace_back();
        count.channel = channel.id;
      }
    }
  }

  TaskStatus& task(std::uint32_t id) {
    for (auto& status : statuses_) {
      for (auto& task : status.tasks) {
        if (task.task == id) return task;
      }
    }
    throw std::out_of_range("no such task");
  }
  const TaskSpec& spec(std::uint32_t id) const {
    for (const auto& task : plans_[machine_of_[id]].tasks) {
      if (task.id == id) return task;
    }
    throw std::out_of_range("no such task");
  }
  control::ChannelCount& count(std::uint32_t edge, std::uint32_t machine = 0) {
    for (auto& count : statuses_[machine].channels) {
      if (count.channel == edge) return count;
    }
    throw std::out_of_range("no such channel");
  }

  /// The task waits to receive from an edge.
  ThreadWait& receives(std::uint32_t task, std::uint32_t edge) {
    return add(task, {.kind = WaitKind::kReceive, .subject = port(task, "in", edge)});
  }
  ThreadWait& receives_any(std::uint32_t task) {
    return add(task, {.kind = WaitKind::kReceiveAny});
  }
  /// The task waits for room in an edge.
  ThreadWait& sends(std::uint32_t task, std::uint32_t edge) {
    return add(task, {.kind = WaitKind::kSend,
                      .subject = port(task, "out", edge),
                      .channel = channel_of(task, edge),
                      .size = 8});
  }
  /// The task is in an exchange that still has to receive from some edges, and to send to others.
  ThreadWait& exchanges(std::uint32_t task, const std::vector<std::uint32_t>& from,
                        const std::vector<std::uint32_t>& to) {
    ThreadWait wait{.kind = WaitKind::kExchange};
    for (const auto edge : from) {
      wait.pending.push_back({.kind = WaitKind::kReceive, .port = port(task, "in", edge)});
    }
    for (const auto edge : to) {
      wait.pending.push_back({.kind = WaitKind::kSend,
                              .port = port(task, "out", edge),
                              .channel = channel_of(task, edge),
                              .size = 8});
    }
    return add(task, wait);
  }
  ThreadWait& meets(std::uint32_t task, std::uint32_t team, std::uint64_t operation = 1) {
    const auto& teams = spec(task).teams;
    const auto at = std::ranges::find(teams, team) - teams.begin();
    return add(task, {.kind = WaitKind::kCollective,
                      .subject = static_cast<std::uint32_t>(at),
                      .size = operation});
  }
  /// The same where it needs one member only.
  ThreadWait& meets_member(std::uint32_t task, std::uint32_t team, std::uint32_t member) {
    auto& wait = meets(task, team);
    wait.kind = WaitKind::kMember;
    wait.channel = member;
    return wait;
  }

  GroupWaits look() const { return WaitGraph(plans_).look(statuses_); }
  std::set<std::uint32_t> stuck() const {
    std::set<std::uint32_t> found;
    for (const auto& task : look().tasks) {
      if (task.condition == TaskCondition::kStuck) found.insert(task.task);
    }
    return found;
  }

  const std::vector<Edge>& edges() const { return edges_; }
  std::vector<WiringPlan>& plans() { return plans_; }
  std::vector<Status>& statuses() { return statuses_; }

 private:
  std::uint32_t channel_of(std::uint32_t task, std::uint32_t edge) const {
    const auto& channels = plans_[machine_of_[task]].channels;
    return static_cast<std::uint32_t>(std::ranges::find(channels, edge, &ChannelSpec::id) -
                                      channels.begin());
  }
  std::uint32_t port(std::uint32_t task, std::string_view way, std::uint32_t edge) const {
    const auto& ports = spec(task).ports;
    const auto name = std::string(way) + std::to_string(edge);
    return static_cast<std::uint32_t>(std::ranges::find(ports, name, &PortSpec::name) -
                                      ports.begin());
  }
  ThreadWait& add(std::uint32_t id, ThreadWait wait) {
    auto& waits = task(id).waits;
    wait.number = waits.size() + 1;
    waits.push_back(wait);
    return waits.back();
  }
  void add_team(std::uint32_t number, const std::vector<std::uint32_t>& members) {
    TeamSpec team;
    team.name = "team" + std::to_string(number);
    team.members = members;
    for (const auto member : members) team.machines.push_back(machine_of_[member]);
    for (auto& plan : plans_) {
      plan.teams.push_back(team);
      for (auto& task : plan.tasks) {
        if (std::ranges::find(members, task.id) != members.end()) task.teams.push_back(number);
      }
    }
  }

  std::vector<std::uint32_t> machine_of_;
  std::vector<Edge> edges_;
  std::vector<WiringPlan> plans_;
  std::vector<Status> statuses_;
};

std::vector<Edge> ring_of(std::uint32_t tasks) {
  std::vector<Edge> edges;
  for (std::uint32_t t = 0; t < tasks; ++t) edges.push_back({t, {(t + 1) % tasks}});
  return edges;
}

/// Four tasks in a ring that all receive first.
Group waiting_ring(std::vector<std::uint32_t> machine_of = {0, 0, 0, 0}) {
  Group group(std::move(machine_of), ring_of(4));
  for (std::uint32_t t = 0; t < 4; ++t) group.receives(t, (t + 3) % 4);
  return group;
}

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

// Exchanges with the neighbours: a chain 0 - 1 - 2, with an edge each way. Edges 0 and 1 lead to
// the right, 2 and 3 back.

Group exchanging_chain(std::vector<std::uint32_t> machine_of = {0, 0, 0}) {
  return {std::move(machine_of), {{0, {1}}, {1, {2}}, {1, {0}}, {2, {1}}}};
}

TEST(WaitGraph, FindsAnExchangeWithOneWhoDoesNotExchange) {
  auto group = exchanging_chain();
  group.exchanges(0, {2}, {});
  group.receives(1, 0);
  EXPECT_EQ(group.look().knots, (std::vector<std::vector<std::uint32_t>>{{0, 1}}));
  const auto& wait = group.look().task(0).waits[0];
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

/// The definition, word for word: begin with all that wait, and take out who can move until nobody
/// is left to take out.
std::set<std::uint32_t> stuck_by_definition(Group& group, std::uint32_t tasks) {
  std::set<std::uint32_t> stuck;
  for (std::uint32_t t = 0; t < tasks; ++t) {
    const auto& status = group.task(t);
    const bool all_wait = status.threads == status.waits.size() && !status.has_children;
    const bool attached = status.state == TaskState::kAttached;
    if (attached && all_wait) stuck.insert(t);
  }
  const auto brings_message = [&](std::uint32_t edge) {
    return !group.count(edge).sender_closed && !stuck.contains(group.edges()[edge].sender);
  };
  std::function<bool(std::uint32_t, const ThreadWait&)> can_end;
  const auto can_end_exchange = [&](std::uint32_t t, const ThreadWait& wait) {
    return wait.pending.empty() ||
           std::ranges::any_of(wait.pending, [&](const control::PendingWait& operation) {
             return can_end(
                 t,
                 {.kind = operation.kind, .subject = operation.port, .channel = operation.channel});
           });
  };
  can_end = [&](std::uint32_t t, const ThreadWait& wait) {
    if (wait.limited || wait.can_go_on) return true;
    if (wait.kind == WaitKind::kSend) {
      const auto edge = static_cast<std::uint32_t>(group.plans()[0].channels[wait.channel].id);
      const auto& receivers = group.edges()[edge].receivers;
      const auto alive = [&](std::uint32_t r) { return group.task(r).state != TaskState::kEnded; };
      if (std::ranges::none_of(receivers, alive)) return true;
      return std::ranges::any_of(receivers,
                                 [&](std::uint32_t r) { return alive(r) && !stuck.contains(r); });
    }
    if (wait.kind == WaitKind::kExchange) return can_end_exchange(t, wait);
    bool all_closed = true;
    bool some_sender = false;
    for (std::uint32_t edge = 0; edge < group.edges().size(); ++edge) {
      const auto& receivers = group.edges()[edge].receivers;
      if (std::ranges::find(receivers, t) == receivers.end()) continue;
      const auto name = "in" + std::to_string(edge);
      if (wait.kind == WaitKind::kReceive && group.spec(t).ports[wait.subject].name != name)
        continue;
      all_closed &= group.count(edge).sender_closed;
      some_sender |= brings_message(edge);
    }
    return all_closed || some_sender;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto t : std::set(stuck)) {
      const auto& waits = group.task(t).waits;
      if (std::ranges::any_of(waits, [&](const auto& wait) { return can_end(t, wait); })) {
        stuck.erase(t);
        changed = true;
      }
    }
  }
  return stuck;
}

TEST(WaitGraph, AgreesWithTheDefinitionOnRandomGroups) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  std::uint64_t some_stuck = 0;
  std::uint64_t some_moving = 0;
  for (int round = 0; round < 3'000; ++round) {
    const auto tasks = static_cast<std::uint32_t>(2 + random_below(random, 9));
    std::vector<Edge> edges;
    const auto edge_count = 1 + random_below(random, 2 * tasks);
    for (std::uint64_t e = 0; e < edge_count; ++e) {
      std::set<std::uint32_t> receivers;
      for (auto n = 1 + random_below(random, 2); n > 0; --n) {
        receivers.insert(static_cast<std::uint32_t>(random_below(random, tasks)));
      }
      edges.push_back({static_cast<std::uint32_t>(random_below(random, tasks)),
                       {receivers.begin(), receivers.end()}});
    }
    Group group(std::vector<std::uint32_t>(tasks, 0), edges);
    const auto rarely = [&](std::uint32_t one_in) { return random_below(random, one_in) == 0; };
    for (std::uint32_t edge = 0; edge < edges.size(); ++edge) {
      group.count(edge).sender_closed = rarely(12);
    }
    for (std::uint32_t t = 0; t < tasks; ++t) {
      std::vector<std::uint32_t> in;
      std::vector<std::uint32_t> out;
      for (std::uint32_t e = 0; e < edges.size(); ++e) {
        const auto& receivers = edges[e].receivers;
        if (std::ranges::find(receivers, t) != receivers.end()) in.push_back(e);
        if (edges[e].sender == t) out.push_back(e);
      }
      const auto one_of = [&](const auto& list) { return list[random_below(random, list.size())]; };
      auto& status = group.task(t);
      status.threads = rarely(6) ? 2 : 1;
      for (std::uint32_t thread = 0; thread < status.threads && !rarely(10); ++thread) {
        ThreadWait* wait = nullptr;
        if (rarely(3)) {
          const auto some_of = [&](auto list) {
            std::erase_if(list, [&](std::uint32_t) { return rarely(2); });
            return list;
          };
          wait = &group.exchanges(t, some_of(in), some_of(out));
        } else if (!in.empty() && (out.empty() || rarely(2))) {
          wait = rarely(3) ? &group.receives_any(t) : &group.receives(t, one_of(in));
        } else if (!out.empty()) {
          wait = &group.sends(t, one_of(out));
        }
        if (wait == nullptr) break;
        wait->limited = rarely(25);
        wait->can_go_on = rarely(25);
      }
      if (rarely(30)) status.has_children = true;
      if (rarely(20)) status.state = rarely(2) ? TaskState::kStarting : TaskState::kEnded;
    }
    const auto expected = stuck_by_definition(group, tasks);
    ASSERT_EQ(group.stuck(), expected) << "seed " << seed << ", round " << round;
    ASSERT_EQ(group.look().knots.empty(), expected.empty()) << "seed " << seed;
    ++(expected.empty() ? some_moving : some_stuck);
  }
  EXPECT_GT(some_stuck, 300U);
  EXPECT_GT(some_moving, 300U);
}

/// Answers that do not fit the plan, as a broken queue VM might give them, are no deadlock and no
/// crash.
TEST(WaitGraph, SurvivesAnswersThatDoNotFitThePlan) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  for (int round = 0; round < 2'000; ++round) {
    auto group = waiting_ring({0, 0, 1, 1});
    for (auto& status : group.statuses()) {
      if (random_below(random, 4) == 0) status.tasks.resize(random_below(random, 4));
      if (random_below(random, 4) == 0) status.channels.resize(random_below(random, 6));
      for (auto& task : status.tasks) {
        if (random_below(random, 3) == 0) task.task = static_cast<std::uint32_t>(random());
        for (auto& wait : task.waits) {
          if (random_below(random, 3) == 0) wait.subject = static_cast<std::uint32_t>(random());
          if (random_below(random, 3) == 0) wait.channel = static_cast<std::uint32_t>(random());
          wait.kind = static_cast<WaitKind>(random_below(random, 6));
          for (auto n = random_below(random, 3); n > 0; --n) {
            wait.pending.push_back(
                {.kind = static_cast<WaitKind>(random_below(random, 6)),
                 .port = static_cast<std::uint32_t>(random_below(random, 4)),
                 .channel = static_cast<std::uint32_t>(random_below(random, 9))});
          }
        }
      }
    }
    if (random_below(random, 4) == 0) group.statuses().pop_back();
    (void)group.look();
  }
}

}  // namespace
}  // namespace mvm::queue
