// SPDX-License-Identifier: GPL-3.0-or-later

/// A cable is pulled just when a group ends, while its machines tell each other what became of the
/// last messages.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include <mvm/base/clock.hpp>

#include "spread_run.hpp"

namespace mvm::test {
namespace {

using namespace std::chrono_literals;

class Farewell : public testing::TestWithParam<std::string> {
 protected:
  /// All tasks have ended, and the machines do not reach each other.
  RunningProgram start(SpreadRuns::Parameters more = {}) {
    const auto flag = runs_.runner().folder() / "flag";
    more.push_back("flag=" + flag.string());
    auto program = runs_.start({.machines = 2, .hosts = &hosts_, .transport = GetParam()},
                               "well under way", more);
    hosts_.cut(1);
    runs_.runner().write("flag", "");
    for (const char* words : {"all is sent", "nothing more is received"}) {
      EXPECT_TRUE(program.read_until(words)) << program.output() << program.errors();
    }
    return program;
  }

  Hosts hosts_{2};
  SpreadRuns runs_{"farewell.mvm.xml"};
};

TEST_P(Farewell, WaitsForABrokenLinkToBeMended) {
  auto program = start();
  std::this_thread::sleep_for(5s);  // of 20
  hosts_.heal(1);
  const auto found = runs_.finish(program);
  EXPECT_EQ(found.status, 0) << found.cause << found.errors;
  EXPECT_EQ(found.wrong_sums, std::vector<std::string>());
  EXPECT_EQ(found.errors.find("did not tell"), std::string::npos) << found.errors;
  expect_nothing_left(hosts_);
}

TEST_P(Farewell, GivesUpOnALinkThatStaysBroken) {
  auto program = start({"reconnect=2s"});
  const auto found = runs_.finish(program);
  EXPECT_EQ(found.status, 0) << "all tasks have succeeded: " << found.cause;
  EXPECT_NE(found.errors.find("has not been heard for 2 s"), std::string::npos) << found.errors;
  expect_nothing_left(hosts_);
}

TEST_P(Farewell, IsCutShortByTheUser) {
  auto program = start({"reconnect=10min"});
  const auto begin = now();
  std::this_thread::sleep_for(500ms);
  program.send_signal(SIGINT);
  const auto found = runs_.finish(program);
  EXPECT_EQ(found.status, 130) << found.cause;
  EXPECT_LT(now() - begin, 30s);
  EXPECT_NE(found.errors.find("did not tell"), std::string::npos) << found.errors;
  expect_nothing_left(hosts_);
}

INSTANTIATE_TEST_SUITE_P(Hosts, Farewell, testing::Values("zmq", "tcp", "trusted"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace mvm::test
