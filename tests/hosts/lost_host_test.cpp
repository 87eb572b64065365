// SPDX-License-Identifier: GPL-3.0-or-later

/// Hosts that stay out of reach: the group ends with a reason, and leaves nothing behind.

#include <gtest/gtest.h>

#include <csignal>
#include <regex>

#include "spread_run.hpp"

namespace mvm::test {
namespace {

class LostHost : public testing::TestWithParam<std::string> {
 protected:
  /// A run that would last for minutes.
  RunningProgram start(const Hosts& hosts) {
    return runs_.start({.machines = hosts.count(), .hosts = &hosts, .transport = GetParam()},
                       "well under way", {"rounds=100000", "pace=1000", "reconnect=3s"});
  }
  void expect_ended(RunningProgram& program, const Hosts& hosts) {
    const auto found = runs_.finish(program);
    EXPECT_EQ(found.status, 125) << found.cause;
    // "machine m1: machine 2 has not been heard for 3 s: …"
    const std::regex words("machine m([0-3]): machine ([0-3]) has not been heard for 3 s:.*");
    std::smatch said;
    ASSERT_TRUE(std::regex_match(found.cause, said, words)) << found.cause;
    says_ = std::stoi(said[1]);
    missing_ = std::stoi(said[2]);
    EXPECT_GE(found.run_seconds, 3.0);
    EXPECT_LT(found.run_seconds, 40.0) << "it waited for the tasks' own end";
    expect_nothing_left(hosts);
  }

  SpreadRuns runs_{"medley.mvm.xml"};
  int says_ = -1;     ///< the machine that found out first: chance
  int missing_ = -1;  ///< the one that it did not hear
};

TEST_P(LostHost, EndsTheGroupWithItsNameAndTheTime) {
  const Hosts hosts(3);
  auto program = start(hosts);
  hosts.cut(2);
  expect_ended(program, hosts);
  EXPECT_NE(says_ == 2, missing_ == 2) << says_ << " does not hear " << missing_;
}

TEST_P(LostHost, IsNoWorseThanAPartedNetwork) {
  const Hosts hosts(4);
  auto program = start(hosts);
  hosts.part({2, 3});
  expect_ended(program, hosts);
  EXPECT_NE(says_ >= 2, missing_ >= 2) << says_ << " does not hear " << missing_;
}

TEST_P(LostHost, IsNamedWhenItsPowerFails) {
  Hosts hosts(3);
  auto program = start(hosts);
  hosts.power_off(1);
  const auto found = runs_.finish(program);
  EXPECT_EQ(found.status, 125) << found.cause;
  EXPECT_NE(found.cause.find("the queue VM of machine m1 died"), std::string::npos) << found.cause;
  expect_nothing_left(hosts);
}

TEST_P(LostHost, KeepsNothingOfAGroupWhoseStarterIsKilled) {
  const Hosts hosts(2);
  auto program = start(hosts);
  EXPECT_FALSE(hosts.processes(1).empty());
  program.send_signal(SIGKILL);
  expect_nothing_left(hosts);
}

INSTANTIATE_TEST_SUITE_P(Hosts, LostHost, testing::Values("zmq", "tcp", "trusted"),
                         [](const auto& tested) { return tested.param; });

TEST(UnreachableHost, IsReportedWhenTheGroupStarts) {
  if (!all_spreads()) GTEST_SKIP() << "takes half a minute: only with scripts/test --long";
  const Hosts hosts(2);
  hosts.cut(1);
  SpreadRuns runs("medley.mvm.xml");
  const auto found = runs.run({.machines = 2, .hosts = &hosts});
  EXPECT_EQ(found.status, 125);
  EXPECT_NE(found.cause.find("reach"), std::string::npos) << found.cause;
  expect_nothing_left(hosts);
}

}  // namespace
}  // namespace mvm::test
