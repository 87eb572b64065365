// SPDX-License-Identifier: GPL-3.0-or-later
// The plan as JSON, as a table, and as a DOT graph.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include <mvm/base/subprocess.hpp>
#include <mvm/model/plan.hpp>

#include "hand_made_profile.hpp"

namespace mvm::model {
namespace {

class PlanViews : public testing::Test {
 protected:
  PlanViews() {
    made_.job("cell", 6);
    made_.job("monitor", 1);
    made_.graph(GraphKind::kRing, {"cell"});
    made_.link({"cell", {}, "stats"}, {"monitor", {}, "in"}, queue::Spread::kShared).weight = 2;
    made_.queue("monitor", {}, "in").capacity = 7;
    made_.machines(2);
  }

  Plan plan() {
    const auto topology = expand_topology(made_.profile());
    auto plan = make_plan(made_.profile(), *topology, {0, 1}, "test-0123abcd");
    EXPECT_TRUE(plan.has_value()) << lines(plan.error());
    return *std::move(plan);
  }

  HandMadeProfile made_;
};

TEST_F(PlanViews, JsonTellsTasksEdgesAndFigures) {
  const auto made = plan();
  const auto json = nlohmann::json::parse(plan_json(made_.profile(), made));
  EXPECT_EQ(json["profile"], "test");
  EXPECT_EQ(json["group"], "test-0123abcd");
  EXPECT_EQ(json["tasks"].size(), 7u);
  EXPECT_EQ(json["tasks"][5]["name"], "cell[5]");
  EXPECT_EQ(json["tasks"][5]["machine"], made.machine_of[5]);
  EXPECT_EQ(json["edges"].size(), 18u);
  EXPECT_EQ(json["edges"][0]["from_port"], "next");
  EXPECT_EQ(json["edges"][0]["to_port"], "prev");
  EXPECT_EQ(json["edges"][17]["spread"], "shared");
  EXPECT_EQ(json["figures"]["edges_cut"], made.figures.edges_cut);
  EXPECT_EQ(json["machines"].size(), 2u);
  ASSERT_EQ(json["channels"].size(), 18u);
  for (const auto& channel : json["channels"]) {
    EXPECT_EQ(channel["capacity"], channel["to"] == "monitor[0].in" ? 7 : 64);
  }
}

TEST_F(PlanViews, JsonSurvivesPortNamesInAnyEncoding) {
  made_.link({"cell", 0, "\xff\"\n"}, {"monitor", 0, "in"}, queue::Spread::kOneToOne);
  EXPECT_FALSE(nlohmann::json::parse(plan_json(made_.profile(), plan())).is_discarded());
}

TEST_F(PlanViews, JsonTellsWhatIsSpecialAboutAQueue) {
  auto& rule = made_.queue("cell", 1, "prev");
  rule.type = QueueTypeWord{queue::QueueType::kPriority, "", {}};
  rule.levels = 8;
  rule.overflow = queue::Overflow::kDropOldest;
  rule.latency = std::chrono::milliseconds(25);
  rule.loss_ppb = 10'000'000;
  rule.codecs = std::vector<CodecWord>{{queue::CodecKind::kZstd, 3, ""}};
  const auto json = nlohmann::json::parse(plan_json(made_.profile(), plan()));
  for (const auto& channel : json["channels"]) {
    if (channel["to"] != "cell[1].prev") {
      EXPECT_FALSE(channel.contains("levels") || channel.contains("latency_ns")) << channel;
      continue;
    }
    EXPECT_EQ(channel["type"], "priority");
    EXPECT_EQ(channel["levels"], 8);
    EXPECT_EQ(channel["overflow"], "drop-oldest");
    EXPECT_EQ(channel["latency_ns"], 25'000'000);
    EXPECT_EQ(channel["loss"], 0.01);
    EXPECT_EQ(channel["seed"], 1);
    EXPECT_EQ(channel["codecs"], nlohmann::json({"zstd(3)"}));
  }
}

TEST_F(PlanViews, QueuesThatAreAlikeShareALine) {
  made_.queue("cell", 1, "prev").capacity = 9;
  made_.queue("cell", 2, "prev").capacity = 9;
  std::string lines;
  for (const auto& line : plan_queues(made_.profile(), plan())) {
    lines += text(line.on, " ", line.queues, ": ", line.settings, "\n");
  }
  EXPECT_EQ(lines,
            "cell[0,3-5].prev 4: fifo block\n"
            "cell[1-2].prev 2: fifo block, capacity 9\n"
            "cell[*].next 6: fifo block\n"
            "monitor[*].in 6: fifo block, capacity 7\n");
}

TEST_F(PlanViews, DotDrawsTwoLinesWhereTheWaysDiffer) {
  made_.queue("cell", 1, "prev").transport = queue::Transport::kTcp;
  const auto dot = plan_dot(made_.profile(), plan());
  EXPECT_NE(dot.find("t0 -> t1 [taillabel=\"next\", headlabel=\"prev\", label=\"tcp\""),
            std::string::npos)
      << dot;
  EXPECT_NE(dot.find("t1 -> t0 [taillabel=\"prev\", headlabel=\"next\""), std::string::npos);
}

TEST_F(PlanViews, TableHasALinePerMachineAndTheFigures) {
  made_.policy().placement = PlacementBy::kPacked;
  EXPECT_EQ(plan_table(made_.profile(), plan()),
            "MACHINE  KIND     CORES  TASKS  WHICH\n"
            "m0       process  0      3      cell[0-2]\n"
            "m1       process  1      4      cell[3-5] monitor[0]\n"
            "\n"
            "7 tasks, 18 edges\n"
            "7 edges cut between machines (weight 10); dealt out round-robin: 15\n"
            "0 edges between cores of one machine\n");
}

TEST_F(PlanViews, TableShortensLongLists) {
  HandMadeProfile many;
  many.job("cell", 200);
  many.graph(GraphKind::kRing, {"cell"});
  many.machines(2);
  many.policy().placement = PlacementBy::kRoundRobin;
  const auto topology = expand_topology(many.profile());
  const auto plan = make_plan(many.profile(), *topology, {}, "test-0123abcd");
  ASSERT_TRUE(plan.has_value());
  const auto table = plan_table(many.profile(), *plan);
  EXPECT_NE(table.find("m0       process  any    100    cell[0,2,4,"), std::string::npos) << table;
  EXPECT_NE(table.find(",…]"), std::string::npos);
}

TEST_F(PlanViews, DotHasAClusterPerMachineAndNamesPorts) {
  const auto made = plan();
  const auto dot = plan_dot(made_.profile(), made);
  EXPECT_NE(dot.find("subgraph cluster_0 {"), std::string::npos);
  EXPECT_NE(dot.find("subgraph cluster_1 {"), std::string::npos);
  EXPECT_NE(dot.find("t0 -> t1 [dir=both, taillabel=\"next\", headlabel=\"prev\""),
            std::string::npos);
  EXPECT_NE(dot.find("taillabel=\"stats\""), std::string::npos);
}

TEST_F(PlanViews, DotLeavesLabelsOutWhenThereAreTooMany) {
  HandMadeProfile many;
  many.job("cell", 400);
  many.graph(GraphKind::kTorus, {"cell"});
  const auto topology = expand_topology(many.profile());
  const auto plan = make_plan(many.profile(), *topology, {}, "test-0123abcd");
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan_dot(many.profile(), *plan).find("taillabel"), std::string::npos);
}

TEST_F(PlanViews, GraphvizReadsTheDot) {
  ASSERT_TRUE(find_program("dot")) << "Graphviz is not installed; run scripts/setup";
  made_.link({"cell", 0, "a \"quoted\\ name"}, {"monitor", 0, "in"}, queue::Spread::kOneToOne);
  const auto file = testing::TempDir() + "mvm-plan-views.dot";
  std::ofstream(file) << plan_dot(made_.profile(), plan());
  SpawnRequest request;
  request.arguments = {"dot", "-Tcanon", file};
  request.environment = current_environment();
  const auto done = run_guarded(request, std::chrono::seconds(30), 1_MiB);
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_TRUE(done->status.success()) << done->errors;
  EXPECT_NE(done->output.find("cell[5]"), std::string::npos);
}

}  // namespace
}  // namespace mvm::model
