// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

constexpr const char* kTwoMachines = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="grid">
  <param name="side" type="int" default="4"/>
  <job name="cell" count="${side * side}"><source>cell.cpp</source></job>
  <topology><graph kind="torus" over="cell" dims="${side} ${side}"/></topology>
  <cluster><machines count="2" kind="process"/></cluster>
</profile>
)";

class PlanTest : public testing::Test {
 protected:
  void SetUp() override {
    runner_.write("cell.cpp", "int main() {}");
    runner_.write("grid.mvm.xml", kTwoMachines);
  }
  ProgramRunner runner_;
};

TEST_F(PlanTest, ShowsEdgesCutBesideRoundRobin) {
  const auto done = runner_.mvm({"plan", "grid.mvm.xml", "-o", "json"});
  ASSERT_EQ(done.status.code, 0) << done.errors;
  const auto plan = nlohmann::json::parse(done.output);
  EXPECT_EQ(plan["profile"], "grid");
  EXPECT_EQ(plan["machines"].size(), 2U);
  EXPECT_EQ(plan["tasks"].size(), 16U);
  EXPECT_EQ(plan["figures"]["edges"], 64);
  // A 4 x 4 torus is cut into two halves along 2 x 4 two-way edges at best.
  EXPECT_EQ(plan["figures"]["edges_cut"], 16);
  EXPECT_GT(plan["figures"]["round_robin_edges_cut"], 16);
}

TEST_F(PlanTest, TableHasALinePerMachineAndOnDemandPerTask) {
  const auto table = runner_.mvm({"plan", "grid.mvm.xml"}).output;
  EXPECT_NE(table.find("\nm0 "), std::string::npos) << table;
  EXPECT_NE(table.find("\nm1 "), std::string::npos) << table;
  EXPECT_NE(table.find("round-robin"), std::string::npos) << table;
  EXPECT_EQ(table.find("\ncell[3] "), std::string::npos);
  const auto tasks = runner_.mvm({"plan", "grid.mvm.xml", "--tasks"}).output;
  EXPECT_NE(tasks.find("\ncell[3] "), std::string::npos) << tasks;
  EXPECT_NE(tasks.find("x- x+ y- y+"), std::string::npos) << tasks;
}

TEST_F(PlanTest, ListsQueuesOnDemandAndNeverItsOwnPorts) {
  const auto shown = runner_.mvm({"plan", "grid.mvm.xml", "--queues", "--tasks"}).output;
  EXPECT_NE(shown.find("\ncell[*].x+ "), std::string::npos) << shown;
  EXPECT_NE(shown.find("fifo block"), std::string::npos) << shown;
  EXPECT_EQ(shown.find('@'), std::string::npos) << shown;
}

TEST_F(PlanTest, IsTheSameEachTimeButForTheGroup) {
  const auto plan = [this] {
    auto json = nlohmann::json::parse(runner_.mvm({"plan", "grid.mvm.xml", "-o", "json"}).output);
    json.erase("group");
    return json;
  };
  EXPECT_EQ(plan(), plan());
}

}  // namespace
}  // namespace mvm::test
