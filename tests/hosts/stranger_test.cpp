// SPDX-License-Identifier: GPL-3.0-or-later

/// Strangers on the same network get nothing from a group, and do it no harm.

#include <gtest/gtest.h>

#include <cstdio>
#include <future>

#include "spread_run.hpp"

namespace mvm::test {
namespace {

class StrangerOnTheNetwork : public testing::TestWithParam<std::string> {};

TEST_P(StrangerOnTheNetwork, GetsNothingAndDoesNoHarm) {
  const Hosts hosts(3);  // the last is the stranger's
  SpreadRuns runs("medley.mvm.xml", {"rounds=400", "pace=2000"});
  const auto reference = runs.run({});
  // From before the group listens until after its end.
  std::vector<std::string> words = {hosts.agent(2).string(), MVM_BINARY_DIR "/tests/stranger", "4"};
  for (const char* port : {":7000", ":7001"}) {
    for (const int host : {0, 1}) words.push_back(Hosts::address(host) + port);
  }
  auto stranger = std::async(std::launch::async, [&] { return runs.runner().run(words); });
  const auto found = runs.run({.machines = 2, .hosts = &hosts, .transport = GetParam()});
  expect_same(found, reference);

  const auto said = stranger.get();
  unsigned long connections = 0, messages = 1;
  ASSERT_EQ(
      std::sscanf(said.output.c_str(), "%lu connections, %lu messages", &connections, &messages), 2)
      << said.output << said.errors;
  EXPECT_GT(connections, 0u) << "it did not reach anybody";
  EXPECT_EQ(messages, 0u);
  expect_nothing_left(hosts);
}

INSTANTIATE_TEST_SUITE_P(Hosts, StrangerOnTheNetwork, testing::Values("zmq", "tcp", "trusted"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace mvm::test
