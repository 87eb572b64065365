// SPDX-License-Identifier: GPL-3.0-or-later

/// Deadlocks and emulated links between hosts.

#include <gtest/gtest.h>

#include <cstdio>

#include "spread_run.hpp"

namespace mvm::test {
namespace {

class WaitsOverHosts : public testing::TestWithParam<std::string> {};

TEST_P(WaitsOverHosts, ARingInWhichAllReceiveFirstIsADeadlock) {
  const Hosts hosts(2);
  SpreadRuns runs("impasse.mvm.xml");
  const auto found = runs.run({.machines = 2, .hosts = &hosts, .transport = GetParam()});
  EXPECT_EQ(found.status, 122) << found.cause;
  EXPECT_NE(found.cause.find("deadlock"), std::string::npos) << found.cause;
  for (const char* task : {"cell[0]", "cell[1]", "cell[2]", "cell[3]"}) {
    EXPECT_NE(found.output.find(task + std::string(" has waited")), std::string::npos)
        << found.output;
  }
  expect_nothing_left(hosts);
}

/// The clocks of hosts are not the same, nor is the time that their network takes.
TEST_P(WaitsOverHosts, AnEmulatedLatencyIsKeptBetweenThem) {
  const Hosts hosts(2);
  SpreadRuns runs("link", {"latency=25ms", "probes=20", "blocks=1"});
  const auto found = runs.run({.machines = 2, .hosts = &hosts, .transport = GetParam()});
  EXPECT_EQ(found.status, 0) << found.cause << found.errors;
  const auto at = found.output.find("from ");
  double least = 0;
  ASSERT_NE(at, std::string::npos) << found.output;
  ASSERT_EQ(std::sscanf(found.output.c_str() + at, "from %lf", &least), 1);
  EXPECT_GE(least, 25.0) << "in milliseconds, one way";
}

INSTANTIATE_TEST_SUITE_P(Hosts, WaitsOverHosts, testing::Values("zmq", "tcp", "trusted"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace mvm::test
