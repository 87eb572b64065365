// SPDX-License-Identifier: GPL-3.0-or-later
// Teams, and the hidden ports between the machines of a team.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "planned_profile.hpp"

namespace mvm::model {
namespace {

PlannedProfile group(std::uint32_t cells, std::uint32_t machines, const std::string& root = "",
                     const std::string& queues = "") {
  return PlannedProfile(text("<job name=\"cell\" count=\"", cells,
                             R"("><source>job.cpp</source></job>
    <job name="sink" count="2"><source>job.cpp</source></job>
    <topology )",
                             root, R"(><graph kind="ring" over="cell"/></topology>
    <queues>)",
                             queues, R"(</queues>
    <cluster><machines count=")",
                             machines, R"("/></cluster>
    <policy><placement by="round-robin"/></policy>)"));
}

TEST(Teams, AreEveryoneAndThenEachJob) {
  const auto made = group(3, 2);
  made.expect_sound();
  for (const auto& machine : made.plan().wiring) {
    ASSERT_EQ(machine.teams.size(), 3u);
    EXPECT_EQ(machine.teams[0].name, "everyone");
    EXPECT_EQ(machine.teams[0].members, (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
    EXPECT_EQ(machine.teams[0].machines, made.plan().machine_of);
    EXPECT_EQ(machine.teams[1].name, "cell");
    EXPECT_EQ(machine.teams[1].members, (std::vector<std::uint32_t>{0, 1, 2}));
    EXPECT_EQ(machine.teams[2].members, (std::vector<std::uint32_t>{3, 4}));
    for (const auto& team : machine.teams) EXPECT_EQ(team.root, 0u);
  }
  EXPECT_EQ(made.task("cell[2]").teams, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(made.task("sink[0]").teams, (std::vector<std::uint32_t>{0, 2}));
}

TEST(Teams, HaveTheRootsThatTheTopologyNames) {
  const auto made = group(3, 1, R"(root="sink[1] cell[2]")");
  made.expect_sound();
  const auto& teams = made.machine(0).teams;
  EXPECT_EQ(teams[0].root, 4u);  // of everyone: the first named
  EXPECT_EQ(teams[1].root, 2u);
  EXPECT_EQ(teams[2].root, 1u);
  const auto json = nlohmann::json::parse(plan_json(made.profile(), made.plan()));
  EXPECT_EQ(json["roots"]["everyone"], "sink[1]");
  EXPECT_EQ(json["roots"]["cell"], "cell[2]");
}

TEST(Teams, OnOneMachineNeedNoPorts) {
  const auto made = group(3, 1);
  for (const auto& task : made.machine(0).tasks) {
    for (const auto& port : task.ports) EXPECT_FALSE(port.name.starts_with('@')) << port.name;
  }
}

/// The channels between leaders by their ends: "cell[3].@cell.up cell[0].@cell.down0".
std::set<std::string> hidden_channels(const PlannedProfile& made, const std::string& team) {
  std::set<std::string> found;
  for (const auto& machine : made.plan().wiring) {
    for (const auto& channel : machine.channels) {
      if (channel.sender_port.find(".@" + team + ".") == std::string::npos) continue;
      found.insert(channel.sender_port + " " + channel.receiver_port);
    }
  }
  return found;
}

TEST(Teams, JoinTheLeadersOfTheirMachinesByATree) {
  const auto made = group(8, 4);
  made.expect_sound();
  // Round-robin: machine m leads by cell[m], and the sinks are on machines 0 and 1.
  EXPECT_EQ(hidden_channels(made, "cell"),
            (std::set<std::string>{
                "cell[1].@cell.up cell[0].@cell.down0", "cell[0].@cell.down0 cell[1].@cell.up",
                "cell[2].@cell.up cell[0].@cell.down1", "cell[0].@cell.down1 cell[2].@cell.up",
                "cell[3].@cell.up cell[1].@cell.down0", "cell[1].@cell.down0 cell[3].@cell.up"}));
  EXPECT_EQ(hidden_channels(made, "sink"),
            (std::set<std::string>{"sink[1].@sink.up sink[0].@sink.down0",
                                   "sink[0].@sink.down0 sink[1].@sink.up"}));
  EXPECT_EQ(hidden_channels(made, "everyone").size(), 6u);
  EXPECT_EQ(made.port("cell[1]", "@cell.up").sends.size(), 1u);
  EXPECT_EQ(made.port("cell[1]", "@cell.up").receives.size(), 1u);
  EXPECT_EQ(made.queue_at("cell[1]", "@cell.up").capacity, 4u);
  EXPECT_EQ(made.queue_at("cell[1]", "@cell.up").bytes, 1_MiB);
}

TEST(Teams, HoldTogetherForManyMachines) {
  for (const std::uint32_t machines : {2, 3, 5, 8, 16, 33}) {
    SCOPED_TRACE(machines);
    group(33, machines).expect_sound();
  }
}

TEST(Teams, HiddenPortsAreNeitherConfiguredNorShown) {
  const auto made = group(8, 2, "", R"(<queue on="*.*" capacity="9" type="lifo"/>)");
  made.expect_sound();
  EXPECT_EQ(made.queue_at("cell[1]", "@cell.up").capacity, 4u);
  EXPECT_EQ(plan_json(made.profile(), made.plan()).find('@'), std::string::npos);
  EXPECT_EQ(plan_dot(made.profile(), made.plan()).find('@'), std::string::npos);
  for (const auto& summary : plan_queues(made.profile(), made.plan())) {
    EXPECT_EQ(summary.on.find('@'), std::string::npos);
  }
  const auto rule = group(8, 2, "", R"(<queue on="cell.@cell.up" capacity="9"/>)");
  EXPECT_NE(rule.refusal().find("is not a selector"), std::string::npos) << rule.refusal();
}

TEST(Teams, TooLargeForAllMachinesAreRefused) {
  const PlannedProfile made(R"(
    <job name="cell" count="1000000"><source>job.cpp</source></job>
    <cluster><machines count="1000"/></cluster>)");
  EXPECT_NE(made.refusal().find("1000000 tasks on 1000 machines are more than one group can hold"),
            std::string::npos)
      << made.refusal();
}

}  // namespace
}  // namespace mvm::model
