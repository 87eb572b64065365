// SPDX-License-Identifier: GPL-3.0-or-later

/// Hosts that stay out of reach: the group ends with a reason, and leaves nothing behind.

#include <gtest/gtest.h>

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
    EXPECT_NE(found.cause.find("3 s"), std::string::npos) << found.cause;
    EXPECT_GE(found.run_seconds, 3.0);
    EXPECT_LT(found.run_seconds, 40.0) << "it waited for the tasks' own end";
    expect_nothing_left(hosts);
    cause_ = found.cause;
  }

  SpreadRuns runs_{"medley.mvm.xml"};
  std::string cause_;
};

TEST_P(LostHost, EndsTheGroupWithItsNameAndTheTime) {
  const Hosts hosts(3);
  auto program = start(hosts);
  hosts.cut(2);
  expect_ended(program, hosts);
  // Who says so first is chance: the lost one, of another, or another, of it.
  EXPECT_NE(cause_.find("machine m2"), std::string::npos) << cause_;
}

TEST_P(LostHost, IsNoWorseThanAPartedNetwork) {
  const Hosts hosts(4);
  auto program = start(hosts);
  hosts.part({2, 3});
  expect_ended(program, hosts);
  const bool across =
      (cause_.find("m0") != std::string::npos || cause_.find("m1") != std::string::npos) &&
      (cause_.find("m2") != std::string::npos || cause_.find("m3") != std::string::npos);
  EXPECT_TRUE(across) << cause_;
}

INSTANTIATE_TEST_SUITE_P(Hosts, LostHost, testing::Values("zmq", "tcp"),
                         [](const auto& tested) { return tested.param; });

TEST(UnreachableHost, IsReportedWhenTheGroupStarts) {
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
