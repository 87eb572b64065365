// SPDX-License-Identifier: GPL-3.0-or-later
// Ports that programs outside of the group use, from the profile to the wiring plans.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "planned_profile.hpp"

namespace mvm::model {
namespace {

using queue::Spread;

PlannedProfile farm(const std::string& jobs_spread, std::uint32_t machines,
                    const std::string& queues = "") {
  return PlannedProfile(text(R"(<job name="worker" count="4"><source>job.cpp</source></job>
    <topology>
      <graph kind="ring" over="worker"/>
      <open port="jobs" to="worker[*].in" )",
                             jobs_spread, R"(/>
      <open port="results" from="worker[*].out"/>
    </topology>
    <queues>)",
                             queues, R"(</queues>
    <cluster><machines count=")",
                             machines, R"("/></cluster>)"));
}

TEST(OpenPorts, HoldTogetherForEverySpreadOnSeveralMachines) {
  for (const auto* spread : {"each", "round-robin", "shared", "hash"}) {
    for (const std::uint32_t machines : {1, 2, 3, 4}) {
      SCOPED_TRACE(text(spread, " on ", machines));
      farm(text("spread=\"", spread, "\""), machines).expect_sound();
    }
  }
}

TEST(OpenPorts, BeginAndEndOnTheFirstMachine) {
  const auto made = farm(R"(spread="shared")", 2, R"(<queue on="outside.results" capacity="3"/>
                                                     <queue on="worker.in" capacity="7"/>)");
  made.expect_sound();
  const auto& first = made.machine(0);
  ASSERT_EQ(first.outside.size(), 2u);
  EXPECT_TRUE(made.machine(1).outside.empty());

  const auto& jobs = first.outside[0];
  EXPECT_EQ(jobs.name, "jobs");
  ASSERT_EQ(jobs.sends.size(), 1u);
  EXPECT_EQ(jobs.sends[0].spread, Spread::kShared);
  const auto& entering = first.channels.at(jobs.sends[0].channels.at(0));
  EXPECT_EQ(entering.sender, queue::kOutside);
  EXPECT_EQ(entering.sender_port, "outside.jobs");
  EXPECT_EQ(entering.receiver_port, "worker[*].in");
  EXPECT_EQ(entering.receivers, (std::vector<std::uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(entering.queue.capacity, 7u);

  const auto& results = first.outside[1];
  EXPECT_EQ(results.receives.size(), 4u);
  for (const auto number : results.receives) {
    const auto& leaving = first.channels.at(number);
    EXPECT_EQ(leaving.receivers, std::vector<std::uint32_t>{queue::kOutside});
    EXPECT_EQ(leaving.receiver_machines, std::vector<std::uint32_t>{0});
    EXPECT_EQ(leaving.receiver_port, "outside.results");
    EXPECT_EQ(leaving.queue.capacity, 3u);
  }
}

TEST(OpenPorts, MayLeadToPortsThatTheGraphFeeds) {
  const PlannedProfile made(R"(<job name="cell" count="3"><source>job.cpp</source></job>
    <topology>
      <graph kind="pipeline" over="cell"/>
      <open port="first" to="cell[0].in"/>
      <open port="last" from="cell[2].out"/>
      <open port="aside" to="cell[1].in"/>
    </topology>)");
  made.expect_sound();
  EXPECT_EQ(made.port("cell[1]", "in").receives.size(), 2u);
  EXPECT_EQ(made.port("cell[0]", "in").receives.size(), 1u);
  EXPECT_EQ(made.port("cell[2]", "out").sends.size(), 1u);
}

TEST(OpenPorts, SeveralStatementsOfOnePortAddUp) {
  const PlannedProfile made(R"(<job name="a" count="2"><source>job.cpp</source></job>
    <job name="b"><source>job.cpp</source></job>
    <topology>
      <open port="jobs" to="a.in" spread="round-robin"/>
      <open port="jobs" to="b.in"/>
      <open port="done" from="a.out"/>
      <open port="done" from="b.out"/>
    </topology>)");
  made.expect_sound();
  ASSERT_EQ(made.machine(0).outside.size(), 2u);
  ASSERT_EQ(made.machine(0).outside[0].sends.size(), 2u);
  EXPECT_EQ(made.machine(0).outside[0].sends[0].channels.size(), 2u);
  EXPECT_EQ(made.machine(0).outside[0].sends[1].spread, Spread::kOneToOne);
  EXPECT_EQ(made.machine(0).outside[1].receives.size(), 3u);
}

PlannedProfile lingering(const std::string& first, const std::string& second) {
  return PlannedProfile(text(R"(<job name="a" count="2"><source>job.cpp</source></job>
    <job name="b"><source>job.cpp</source></job>
    <topology>
      <open port="done" from="a.out")",
                             first, R"(/>
      <open port="done" from="b.out")",
                             second, R"(/>
      <open port="log" from="b.log"/>
      <open port="jobs" to="b.in"/>
    </topology>)"));
}

TEST(OpenPorts, NameHowLongTheirMessagesWait) {
  using std::chrono::milliseconds;
  const auto linger_of_done = [](const PlannedProfile& made) {
    EXPECT_EQ(made.refusal(), "");
    const auto& outputs = made.plan().outputs;
    EXPECT_EQ(outputs.size(), 2u);
    EXPECT_EQ(outputs.at(1).name, "log");
    EXPECT_EQ(outputs.at(1).linger, kDefaultLinger);
    return outputs.at(0).linger;
  };
  EXPECT_EQ(linger_of_done(lingering("", "")), kDefaultLinger);
  EXPECT_EQ(linger_of_done(lingering(R"( linger="1.5s")", "")), milliseconds(1500));
  EXPECT_EQ(linger_of_done(lingering("", R"( linger="0s")")), milliseconds(0));
  EXPECT_EQ(linger_of_done(lingering(R"( linger="1min")", R"( linger="60s")")),
            milliseconds(60000));
  const auto json = nlohmann::json::parse(
      plan_json(lingering("", "").profile(), lingering(R"( linger="1.5s")", "").plan()));
  EXPECT_EQ(json["outside"][0]["linger_seconds"], 1.5);
  EXPECT_FALSE(json["outside"][2].contains("linger_seconds"));
}

TEST(OpenPorts, TakeTheirSpreadFromTheTypeOfTheQueue) {
  const auto made = farm("", 1, R"(<queue on="worker.in" type="shared"/>)");
  made.expect_sound();
  EXPECT_EQ(made.machine(0).outside[0].sends[0].spread, Spread::kShared);
}

TEST(OpenPorts, AreReachedByRulesForAnyJob) {
  const auto made = farm(R"(spread="each")", 1, R"(<queue on="*.*" capacity="5"/>)");
  made.expect_sound();
  for (const auto& channel : made.machine(0).channels) EXPECT_EQ(channel.queue.capacity, 5u);
}

TEST(OpenPorts, MayRankWhatLeavesByATypeOfOnesOwn) {
  farm(R"(spread="each")", 1, R"(<type name="short"><source>job.cpp</source></type>
                                 <queue on="outside.results" type="short"/>)")
      .expect_sound();
}

TEST(OpenPorts, ShowInEveryViewOfThePlan) {
  const auto made = farm(R"(spread="shared")", 2, R"(<queue on="worker.in" type="lifo"/>)");
  const auto json = nlohmann::json::parse(plan_json(made.profile(), made.plan()));
  ASSERT_EQ(json["outside"].size(), 2u);
  EXPECT_EQ(json["outside"][0]["port"], "jobs");
  EXPECT_EQ(json["outside"][0]["direction"], "in");
  EXPECT_EQ(json["outside"][1]["direction"], "out");
  ASSERT_EQ(json["channels"].size(), 13u);
  for (const auto& channel : json["channels"]) {
    EXPECT_EQ(channel["sender"].is_null(), channel["from"] == "outside.jobs");
    EXPECT_EQ(channel["receivers"][0].is_null(), channel["to"] == "outside.results");
  }
  const auto dot = plan_dot(made.profile(), made.plan());
  EXPECT_NE(dot.find("subgraph cluster_outside"), std::string::npos) << dot;
  EXPECT_NE(dot.find("[label=\"jobs\", shape=cds"), std::string::npos) << dot;
  EXPECT_NE(dot.find("[headlabel=\"in\", label=\"lifo\"]"), std::string::npos) << dot;
  const auto table = plan_table(made.profile(), made.plan());
  EXPECT_NE(table.find("open to programs outside: jobs to worker[*].in, results from "
                       "worker[*].out\n"),
            std::string::npos)
      << table;
}

}  // namespace
}  // namespace mvm::model
