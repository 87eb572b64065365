// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/plan.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "hand_made_profile.hpp"

namespace mvm::model {
namespace {

using queue::Spread;
using Cores = std::vector<std::uint32_t>;

constexpr auto kGroup = "test-0123abcd";

std::expected<Plan, Diagnostics> planned(const HandMadeProfile& made, const Cores& cores) {
  const auto topology = expand_topology(made.profile());
  if (!topology) return std::unexpected(topology.error());
  return make_plan(made.profile(), *topology, cores, kGroup);
}

Plan plan_of(const HandMadeProfile& made, const Cores& cores = {0, 1}) {
  auto plan = planned(made, cores);
  EXPECT_TRUE(plan.has_value()) << lines(plan.error());
  return plan ? *std::move(plan) : Plan{};
}

std::string refusal(const HandMadeProfile& made, const Cores& cores = {0, 1}) {
  const auto plan = planned(made, cores);
  return plan ? "accepted" : lines(plan.error());
}

/// As a runner completes it: with a program per job.
void expect_sound(const HandMadeProfile& made, Plan plan) {
  for (auto& machine : plan.wiring) {
    for (const auto& job : made.profile().jobs) machine.programs.push_back("/bin/" + job.name);
    const auto sound = queue::check(machine);
    EXPECT_TRUE(sound.has_value()) << sound.error().message;
  }
}

const queue::TaskSpec& task(const Plan& plan, const std::string& name) {
  for (const auto& machine : plan.wiring) {
    for (const auto& spec : machine.tasks) {
      if (spec.name() == name) return spec;
    }
  }
  throw std::out_of_range(name);
}

const queue::PortSpec& port(const Plan& plan, const std::string& task_name,
                            const std::string& port_name) {
  for (const auto& spec : task(plan, task_name).ports) {
    if (spec.name == port_name) return spec;
  }
  throw std::out_of_range(task_name + "." + port_name);
}

/// The queue of the first edge that arrives at a port.
const queue::QueueSpec& queue_at(const Plan& plan, const std::string& task_name,
                                 const std::string& port_name) {
  const auto machine = plan.machine_of[task(plan, task_name).id];
  const auto channel = port(plan, task_name, port_name).receives.at(0);
  return plan.wiring[machine].channels.at(channel).queue;
}

HandMadeProfile torus(std::uint32_t count) {
  HandMadeProfile made;
  made.job("cell", count);
  made.graph(GraphKind::kTorus, {"cell"});
  return made;
}

HandMadeProfile farm(Spread spread) {
  HandMadeProfile made;
  made.job("source", 2);
  made.job("worker", 4);
  made.job("sink", 1);
  made.link({"source", {}, "out"}, {"worker", {}, "in"}, spread);
  made.link({"worker", {}, "out"}, {"sink", 0, "in"}, Spread::kShared);
  return made;
}

// ---- wiring ----

TEST(Wiring, HoldsTogetherForEveryShapeOnSeveralMachines) {
  for (const auto& word : graph_kind_words()) {
    if (word == "file") continue;
    for (const std::uint32_t machines : {1, 2, 3, 40}) {
      HandMadeProfile made;
      made.job("cell", word == "butterfly" ? 32 : 16);
      made.graph(*parse_graph_kind(word), {"cell"});
      made.machines(machines);
      SCOPED_TRACE(text(word, " on ", machines));
      expect_sound(made, plan_of(made));
    }
  }
}

TEST(Wiring, HoldsTogetherForEverySpread) {
  for (const auto spread : {Spread::kEach, Spread::kRoundRobin, Spread::kShared, Spread::kHash}) {
    for (const std::uint32_t machines : {1, 2, 3, 7}) {
      auto made = farm(spread);
      made.machines(machines);
      SCOPED_TRACE(text(queue::to_string(spread), " on ", machines));
      expect_sound(made, plan_of(made));
    }
  }
}

TEST(Wiring, SurvivesItsWireForm) {
  auto made = farm(Spread::kShared);
  made.machines(2);
  auto plan = plan_of(made);
  for (auto& machine : plan.wiring) {
    machine.programs = {"/a", "/b", "/c"};
    const auto again = queue::decode_wiring_plan(queue::encode(machine));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(*again, machine);
  }
}

TEST(Wiring, MakesOneChannelPerEdge) {
  const auto plan = plan_of(torus(16));
  EXPECT_EQ(plan.wiring.at(0).channels.size(), plan.topology.edges.size());
  std::set<std::uint64_t> ids;
  for (const auto& channel : plan.wiring[0].channels) ids.insert(channel.id);
  EXPECT_EQ(ids.size(), plan.topology.edges.size());
}

TEST(Wiring, MakesOneChannelPerSenderOfASharedQueue) {
  auto made = farm(Spread::kShared);
  made.machines(2);
  const auto plan = plan_of(made);
  for (const auto* sender : {"source[0]", "source[1]"}) {
    const auto& out = port(plan, sender, "out");
    ASSERT_EQ(out.sends.size(), 1u);
    ASSERT_EQ(out.sends[0].channels.size(), 1u);
    const auto& channels = plan.wiring[plan.machine_of[task(plan, sender).id]].channels;
    EXPECT_EQ(channels[out.sends[0].channels[0]].receivers, (Cores{2, 3, 4, 5}));
  }
  EXPECT_EQ(port(plan, "worker[3]", "in").receives.size(), 2u);
  EXPECT_EQ(port(plan, "sink[0]", "in").receives.size(), 4u);
}

TEST(Wiring, MakesAGroupPerStatementOfASendingPort) {
  HandMadeProfile made;
  made.job("a", 1);
  made.job("b", 3);
  made.job("c", 2);
  made.link({"a", {}, "out"}, {"b", {}, "in"}, Spread::kEach);
  made.link({"a", {}, "out"}, {"c", {}, "in"}, Spread::kRoundRobin);
  const auto plan = plan_of(made);
  const auto& sends = port(plan, "a[0]", "out").sends;
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_EQ(sends[0].spread, Spread::kEach);
  EXPECT_EQ(sends[0].channels.size(), 3u);
  EXPECT_EQ(sends[1].spread, Spread::kRoundRobin);
  EXPECT_EQ(sends[1].channels.size(), 2u);
  expect_sound(made, plan);
}

TEST(Wiring, ListsPortsInTheOrderOfTheShape) {
  const auto plan = plan_of(torus(9));
  std::vector<std::string> names;
  for (const auto& spec : task(plan, "cell[4]").ports) names.push_back(spec.name);
  EXPECT_EQ(names, (std::vector<std::string>{"x-", "x+", "y-", "y+"}));
}

TEST(Wiring, CarriesThePolicy) {
  auto made = torus(4);
  made.policy().wall_time = std::chrono::seconds(7);
  made.policy().grace = std::chrono::seconds(2);
  made.policy().end_on_failure = false;
  made.policy().memory = 64_MiB;
  const auto plan = plan_of(made);
  EXPECT_EQ(plan.wiring[0].wall_time, std::chrono::seconds(7));
  EXPECT_EQ(plan.wiring[0].grace, std::chrono::seconds(2));
  EXPECT_FALSE(plan.wiring[0].end_on_failure);
  EXPECT_EQ(task(plan, "cell[0]").memory, 64_MiB);
  EXPECT_EQ(plan.wiring[0].group, kGroup);
}

TEST(Wiring, KeepsAJobWithoutEdges) {
  HandMadeProfile made;
  made.job("lone", 3);
  const auto plan = plan_of(made);
  EXPECT_EQ(plan.wiring[0].tasks.size(), 3u);
  EXPECT_TRUE(task(plan, "lone[2]").ports.empty());
  expect_sound(made, plan);
}

// ---- words of tasks ----

TEST(TaskWords, AreExpandedPerTask) {
  HandMadeProfile made;
  auto& job = made.job("cell", 3);
  job.scope["side"] = 10.0;
  job.arguments = {"${index * side}", "of ${count}", "plain", "$${x}"};
  job.environment = {{"RANK", "${index}"}};
  job.outputs = {"field-${index}.csv"};
  job.folder = MVM_SOURCE_DIR;
  job.inputs = {"CMakeLists.txt"};
  const auto plan = plan_of(made);
  const auto& spec = task(plan, "cell[2]");
  EXPECT_EQ(spec.arguments, (std::vector<std::string>{"20", "of 3", "plain", "${x}"}));
  EXPECT_EQ(spec.environment, std::vector<std::string>{"RANK=2"});
  EXPECT_EQ(spec.outputs, std::vector<std::string>{"field-2.csv"});
  EXPECT_EQ(spec.inputs, std::vector<std::string>{MVM_SOURCE_DIR "/CMakeLists.txt"});
}

TEST(TaskWords, MistakesAreToldOncePerJob) {
  HandMadeProfile made;
  auto& job = made.job("cell", 3);
  job.arguments = {std::string(5000, 'a')};
  job.folder = "/nowhere";
  job.inputs = {"missing.csv"};
  EXPECT_EQ(refusal(made),
            "test.mvm.xml:1: job 'cell': input /nowhere/missing.csv is not there: create it, or "
            "mend <input>\n"
            "test.mvm.xml:1: job 'cell': the word 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…' has "
            "5000 bytes; at most 4096 are possible: pass long values in an <input> file\n");
}

// ---- queue rules ----

TEST(QueueRules, MergeFromTheGeneralToTheSpecific) {
  auto made = torus(9);
  made.queue("*", {}, "*").capacity = 10;
  made.queue("*", {}, "*").bytes = 1_KiB;
  made.queue("cell", {}, "*").capacity = 20;
  made.queue("cell", {}, "x*").capacity = 30;
  made.queue("cell", {}, "x-").capacity = 40;
  made.queue("cell", 4, "*").capacity = 50;
  made.queue("cell", 4, "y+").bytes = 2_KiB;
  const auto plan = plan_of(made);
  EXPECT_EQ(queue_at(plan, "cell[0]", "y-").capacity, 20u);
  EXPECT_EQ(queue_at(plan, "cell[0]", "x+").capacity, 30u);
  EXPECT_EQ(queue_at(plan, "cell[0]", "x-").capacity, 40u);
  EXPECT_EQ(queue_at(plan, "cell[4]", "x-").capacity, 50u);
  EXPECT_EQ(queue_at(plan, "cell[4]", "y+").bytes, 2_KiB);
  EXPECT_EQ(queue_at(plan, "cell[4]", "y-").bytes, 1_KiB);
  EXPECT_EQ(queue_at(plan, "cell[0]", "y-").overflow, queue::QueueSpec{}.overflow);
}

TEST(QueueRules, DoNotDependOnTheirOrder) {
  auto made = torus(9);
  made.queue("cell", {}, "x-").capacity = 40;
  made.queue("*", {}, "*").capacity = 10;
  EXPECT_EQ(queue_at(plan_of(made), "cell[0]", "x-").capacity, 40u);
}

TEST(QueueRules, ContradictWhenEquallySpecific) {
  auto made = torus(9);
  made.queue("cell", {}, "x-").capacity = 40;
  made.queue("cell", {}, "x-").capacity = 41;
  made.queue("cell", {}, "x-").bytes = 1_KiB;
  EXPECT_EQ(refusal(made),
            "test.mvm.xml:4: queue rule on 'cell[*].x-': capacity=\"41\" contradicts "
            "capacity=\"40\" of the equally specific rule on 'cell[*].x-' at test.mvm.xml:3: "
            "remove one, or make its selector more specific\n");
}

TEST(QueueRules, MayAgreeOrSetDifferentThings) {
  auto made = torus(9);
  made.queue("cell", {}, "x-").capacity = 40;
  made.queue("cell", {}, "x-").capacity = 40;
  made.queue("cell", {}, "x-").bytes = 1_KiB;
  EXPECT_EQ(refusal(made), "accepted");
}

TEST(QueueRules, ThatMatchNothingAreRefused) {
  HandMadeProfile made;
  made.job("cell", 4);
  made.job("lone", 1);
  made.graph(GraphKind::kLine, {"cell"});
  made.link({"cell", {}, "stats"}, {"cell", 0, "gather"}, Spread::kShared);
  made.queue("cel", {}, "left").capacity = 1;
  made.queue("cell", 4, "left").capacity = 1;
  made.queue("cell", {}, "lift").capacity = 1;
  made.queue("cell", {}, "stats").capacity = 1;
  made.queue("lone", {}, "*").capacity = 1;
  made.queue("cell", 0, "left").capacity = 1;
  EXPECT_EQ(refusal(made),
            "test.mvm.xml:5: queue rule on 'cel[*].left': unknown job 'cel', did you mean "
            "'cell'?\n"
            "test.mvm.xml:6: queue rule on 'cell[4].left': job 'cell' has 4 tasks, numbered from "
            "0\n"
            "test.mvm.xml:7: queue rule on 'cell[*].lift': matches no receiving port, did you "
            "mean 'left'? (there are: left right gather)\n"
            "test.mvm.xml:8: queue rule on 'cell[*].stats': this port only sends: a rule names "
            "the receiving end of its queues\n"
            "test.mvm.xml:9: queue rule on 'lone[*].*': matches nothing, because no edge arrives "
            "there: add a <graph> or <link>\n"
            "test.mvm.xml:10: queue rule on 'cell[0].left': matches no receiving port (there are: "
            "right gather)\n");
}

TEST(QueueRules, OutsideOfLimitsAreRefused) {
  auto made = torus(4);
  made.queue("cell", {}, "x-").capacity = 0;
  made.queue("cell", {}, "x+").bytes = 2_GiB;
  EXPECT_EQ(refusal(made),
            "test.mvm.xml:3: queue rule on 'cell[*].x-': capacity=\"0\" is not among 1 to 1048576 "
            "messages\n"
            "test.mvm.xml:4: queue rule on 'cell[*].x+': bytes=\"2 GiB\" is not among 1 B to 1 "
            "GiB\n");
}

TEST(QueueRules, MayNotTellReceiversOfASharedQueueApart) {
  auto made = farm(Spread::kShared);
  made.queue("worker", 2, "in").capacity = 3;
  EXPECT_EQ(refusal(made),
            "test.mvm.xml:4: this link is one shared queue, but queue rules tell its receivers "
            "apart: let them name worker[*].in, not single tasks\n");
}

// ---- placement ----

TEST(Placement, CutsFewerEdgesThanRoundRobin) {
  auto made = torus(256);
  made.machines(4);
  const auto plan = plan_of(made);
  EXPECT_EQ(plan.figures.edges, 1024u);
  EXPECT_LE(plan.figures.edges_cut, 140u);
  EXPECT_EQ(plan.figures.round_robin_edges_cut, 512u);
  for (const auto& machine : plan.wiring) EXPECT_EQ(machine.tasks.size(), 64u);
}

TEST(Placement, ObeysThePolicy) {
  for (const auto& [by, expected] : {std::pair{PlacementBy::kRoundRobin, Cores{0, 1, 0, 1, 0, 1}},
                                     {PlacementBy::kPacked, {0, 0, 0, 1, 1, 1}}}) {
    HandMadeProfile made;
    made.job("cell", 6);
    made.graph(GraphKind::kRing, {"cell"});
    made.machines(2);
    made.policy().placement = by;
    EXPECT_EQ(plan_of(made).machine_of, expected);
  }
}

TEST(Placement, GivesMachinesTasksByTheirCpus) {
  HandMadeProfile made;
  made.job("cell", 12);
  made.graph(GraphKind::kRing, {"cell"});
  made.machines(1).cpus = 2;
  made.machines(1).cpus = 1;
  const auto plan = plan_of(made, {0, 1, 2});
  EXPECT_EQ(plan.wiring[0].tasks.size(), 8u);
  EXPECT_EQ(plan.wiring[1].tasks.size(), 4u);
  EXPECT_EQ(plan.machines[0].cores, (Cores{0, 1}));
  EXPECT_EQ(plan.machines[1].cores, (Cores{2}));
}

TEST(Placement, DividesTheCoresAmongMachinesInTheirOrder) {
  auto made = torus(16);
  made.machines(2);
  const auto plan = plan_of(made, {0, 4, 1, 5});
  EXPECT_EQ(plan.machines[0].cores, (Cores{0, 4}));
  EXPECT_EQ(plan.machines[1].cores, (Cores{1, 5}));
  auto crowded = torus(16);
  crowded.machines(3);
  const auto shared = plan_of(crowded, {7, 9});
  for (const auto& machine : shared.machines) EXPECT_EQ(machine.cores.size(), 1u);
}

TEST(Placement, PinsTasksSoThatHeavyEdgesStayOnACore) {
  HandMadeProfile made;
  made.job("cell", 8);
  made.graph(GraphKind::kRing, {"cell"});
  const auto plan = plan_of(made, {3, 5});
  EXPECT_EQ(std::ranges::count(plan.core_of, 3), 4);
  EXPECT_EQ(std::ranges::count(plan.core_of, 5), 4);
  EXPECT_EQ(plan.figures.core_edges_cut, 4u);
  EXPECT_EQ(plan.figures.edges_cut, 0u);
}

TEST(Placement, TellsTrulyWhoSharesACore) {
  HandMadeProfile made;
  made.job("cell", 3);
  made.graph(GraphKind::kLine, {"cell"});
  const auto plan = plan_of(made, {0, 1});
  for (const auto& spec : plan.wiring[0].tasks) {
    ASSERT_EQ(spec.cores.size(), 1u);
    const auto on_it = std::ranges::count(plan.core_of, static_cast<std::int32_t>(spec.cores[0]));
    EXPECT_EQ(spec.shares_core, on_it > 1);
  }
  HandMadeProfile pair;
  pair.job("cell", 2);
  pair.graph(GraphKind::kRing, {"cell"});
  pair.machines(2);  // two machines, but one core: the tasks share it all the same
  for (const auto& machine : plan_of(pair, {0}).wiring) {
    EXPECT_TRUE(machine.tasks.at(0).shares_core);
  }
}

TEST(Placement, DoesNotPinWithoutCoresOrWhenToldNotTo) {
  auto made = torus(4);
  EXPECT_TRUE(task(plan_of(made, {}), "cell[0]").cores.empty());
  made.policy().pin = false;
  const auto plan = plan_of(made, {0, 1});
  EXPECT_TRUE(task(plan, "cell[0]").cores.empty());
  EXPECT_FALSE(task(plan, "cell[0]").shares_core);
  EXPECT_EQ(plan.core_of[0], -1);
}

TEST(Placement, RefusesMachinesThatCannotBe) {
  auto made = torus(4);
  made.machines(1).kind = "vm";
  made.machines(1).cpus = 3;
  made.machines(1).cpus = 0;
  made.machines(0);
  made.machines(2000);
  EXPECT_EQ(refusal(made),
            "test.mvm.xml:3: machines of kind 'vm' do not exist in this version: use "
            "kind=\"process\"\n"
            "test.mvm.xml:4: machines of 3 cpus, but only 2 cores are usable here: lower cpus=, "
            "or leave it out\n"
            "test.mvm.xml:5: a machine has at least one of cpus=\n"
            "test.mvm.xml:6: a cluster has at least one of count=\n"
            "test.mvm.xml:7: the cluster has 2003 machines up to here; at most 1024 are possible: "
            "lower count=\n");
}

TEST(Placement, IsTheSameEveryTime) {
  auto made = torus(100);
  made.machines(3);
  const auto once = plan_of(made);
  const auto again = plan_of(made);
  EXPECT_EQ(once.wiring, again.wiring);
}

TEST(Cores, AreThoseOfTheAffinityMask) {
  const auto cores = usable_cores();
  ASSERT_FALSE(cores.empty());
  EXPECT_EQ(std::set<std::uint32_t>(cores.begin(), cores.end()).size(), cores.size());
}

}  // namespace
}  // namespace mvm::model
