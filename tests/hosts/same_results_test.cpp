// SPDX-License-Identifier: GPL-3.0-or-later

/// One profile, spread over 1, 2 and 4 machines, as processes of one host and on hosts of their
/// own: what comes out is the same to the last byte, also when a cable is pulled meanwhile.

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <random>
#include <set>

#include "../queuelayer/test_seed.hpp"
#include "spread_run.hpp"

namespace mvm::test {
namespace {

struct Case {
  std::string profile;
  SpreadRuns::Parameters parameters;
  /// For a run that lasts, and is to be disturbed.
  SpreadRuns::Parameters longer;
  std::string sign;  ///< that it is under way

  friend std::ostream& operator<<(std::ostream& out, const Case& tested) {
    return out << tested.profile;
  }
};

const Case kMedley{"medley.mvm.xml", {}, {"rounds=400", "pace=1000"}, "well under way"};
const Case kHeat{"heat", {"side=3", "n=61"}, {"steps=4000"}, "RUNNING"};
const Case kSort{"sort", {"tasks=8", "keep=true"}, {"block=300000"}, "RUNNING"};
const Case kWords{"words", {}, {"text=long.txt"}, "RUNNING"};
const Case kFarm{"farm", {"width=200", "height=130"}, {"iterations=20000"}, "RUNNING"};

constexpr unsigned kCutSeconds = 3;

/// Where not all are tried: of each kind one.
bool is_of_choice(int machines, const std::string& transport) {
  return (machines == 4) == (transport != "tcp");
}

class SameResults : public testing::TestWithParam<Case> {
 protected:
  void expect_same_on(const Spread& spread) {
    SCOPED_TRACE(testing::Message()
                 << spread.machines << " machines, "
                 << (spread.hosts != nullptr ? "hosts" : "processes") << ", " << spread.transport);
    if (!reference_) reference_ = runs_.run({});
    expect_same(runs_.run(spread), *reference_);
    if (spread.hosts != nullptr) expect_nothing_left(*spread.hosts);
  }

  SpreadRuns runs_{GetParam().profile, GetParam().parameters};
  std::optional<Findings> reference_;
};

TEST_P(SameResults, AsProcessesOfOneHost) {
  for (const int machines : {2, 4}) {
    for (const char* transport : {"zmq", "tcp"}) {
      if (!all_spreads() && !is_of_choice(machines, transport)) continue;
      expect_same_on({.machines = machines, .transport = transport});
    }
  }
}

TEST_P(SameResults, OnHosts) {
  for (const int machines : {2, 4}) {
    const Hosts hosts(machines);
    for (const char* transport : {"zmq", "tcp", "trusted"}) {
      if (!all_spreads() && !is_of_choice(machines, transport)) continue;
      expect_same_on({.machines = machines, .hosts = &hosts, .transport = transport});
    }
  }
}

TEST_P(SameResults, OnHostsOfWhichOneIsCutOffForAWhile) {
  const std::set<std::string> of_choice = {kMedley.profile, kHeat.profile, kFarm.profile};
  if (!all_spreads() && !of_choice.contains(GetParam().profile)) {
    GTEST_SKIP() << "one of those that only scripts/test --long runs";
  }
  if (GetParam().profile == "words") {
    const auto story = runs_.runner().read("words/story.txt");
    std::string text;
    for (int i = 0; i < 400; ++i) text += story;
    runs_.runner().write("words/long.txt", text);
  }
  const auto reference = runs_.run({}, GetParam().longer);
  for (const int machines : {2, 4}) {
    const Hosts hosts(machines);
    for (const char* transport : {"zmq", "tcp", "trusted"}) {
      if (!all_spreads() && !is_of_choice(machines, transport)) continue;
      if (!all_spreads() && machines == 2 && GetParam().profile != kMedley.profile) continue;
      SCOPED_TRACE(testing::Message() << machines << " machines, " << transport);
      auto program = runs_.start({.machines = machines, .hosts = &hosts, .transport = transport},
                                 GetParam().sign, GetParam().longer);
      hosts.cut(1);
      ::sleep(kCutSeconds);
      hosts.heal(1);
      const auto found = runs_.finish(program);
      expect_same(found, reference);
      EXPECT_GE(found.run_seconds, kCutSeconds) << "it ended before the cable was pulled";
      expect_nothing_left(hosts);
    }
  }
}

class LooseCables : public testing::TestWithParam<std::string> {};

TEST_P(LooseCables, DoNotChangeResults) {
  std::mt19937 random(queue::test_seed());
  SpreadRuns runs("medley.mvm.xml", {"rounds=1000", "pace=500"});
  const auto reference = runs.run({});
  const Hosts hosts(3);
  auto program =
      runs.start({.machines = 3, .hosts = &hosts, .transport = GetParam()}, "well under way");
  const int times = all_spreads() ? 40 : 6;
  for (int i = 0; i < times; ++i) {
    const auto host = static_cast<int>(queue::random_below(random, 3));
    hosts.cut(host);
    ::usleep(static_cast<useconds_t>(queue::random_below(random, 300'000)));
    hosts.heal(host);
    ::usleep(static_cast<useconds_t>(queue::random_below(random, 300'000)));
  }
  expect_same(runs.finish(program), reference);
  expect_nothing_left(hosts);
}

INSTANTIATE_TEST_SUITE_P(Hosts, LooseCables, testing::Values("zmq", "tcp", "trusted"),
                         [](const auto& tested) { return tested.param; });

std::string name_of(const testing::TestParamInfo<Case>& tested) {
  return tested.param.profile.substr(0, tested.param.profile.find('.'));
}

INSTANTIATE_TEST_SUITE_P(Hosts, SameResults, testing::Values(kMedley, kHeat, kSort, kWords, kFarm),
                         name_of);

}  // namespace
}  // namespace mvm::test
