// SPDX-License-Identifier: GPL-3.0-or-later
// Collective operations through the real `mvm run`: the programs in jobs/ check themselves.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

class TeamRun {
 public:
  TeamRun(const std::string& profile, const std::vector<std::string>& parameters) {
    // Compiled once for all tests.
    runner_.set_environment("MVM_CACHE_DIR=" MVM_BINARY_DIR "/tests/sdk-job-cache");
    std::vector<std::string> words = {"run",
                                      MVM_SOURCE_DIR "/tests/sdk/jobs/" + profile + ".mvm.xml"};
    for (const auto& parameter : parameters) words.insert(words.end(), {"-p", parameter});
    completed_ = runner_.mvm(words, std::chrono::minutes(2));
    EXPECT_FALSE(completed_.timed_out);
  }
  int status() const { return completed_.status.shell_status(); }
  const std::string& errors() const { return completed_.errors; }
  const std::string& output() const { return completed_.output; }
  /// How each task ended.
  std::vector<std::string> ends() const {
    std::vector<std::string> all;
    for (const auto& run : fs::directory_iterator(runner_.folder() / "mvm-runs")) {
      const auto summary = nlohmann::json::parse(runner_.read(run.path() / "summary.json"));
      for (const auto& task : summary["tasks"]) all.push_back(task["end"]);
    }
    return all;
  }

 private:
  ProgramRunner runner_;
  Completed completed_;
};

std::string fresh_seed() {
  const auto seed = std::to_string(std::random_device{}() % 1000000);
  std::printf("seed=%s\n", seed.c_str());
  return seed;
}

class OfCount : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Counts, OfCount, testing::Values(1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 32, 33),
                         testing::PrintToStringParamName());

TEST_P(OfCount, AgreesWithSerialResultsOnOneTwoAndFourMachines) {
  const auto count = GetParam();
  const auto seed = fresh_seed();
  const auto root = std::stoi(seed) % count;
  for (const int machines : {1, 2, 4}) {
    if (machines > count + 1) continue;
    const TeamRun run("collectives",
                      {"count=" + std::to_string(count), "seed=" + seed,
                       "root=" + std::to_string(root), "machines=" + std::to_string(machines)});
    EXPECT_EQ(run.status(), 0) << machines << " machines: " << run.errors();
  }
}

TEST(Collectives, CarryVectorsOfAMebibyte) {
  for (const auto* machines : {"machines=1", "machines=3"}) {
    const TeamRun run("collectives", {"count=5", "large=131075", machines});
    EXPECT_EQ(run.status(), 0) << machines << ": " << run.errors();
  }
}

TEST(Collectives, ServeMoreMembersThanReadEachOther) {
  const TeamRun run("collectives", {"count=80", "large=3000"});
  EXPECT_EQ(run.status(), 0) << run.errors();
}

class Mishap : public testing::TestWithParam<int> {
 protected:
  std::vector<std::string> parameters(const std::string& how) const {
    return {"how=" + how, "machines=" + std::to_string(GetParam())};
  }
};
INSTANTIATE_TEST_SUITE_P(Machines, Mishap, testing::Values(1, 2),
                         testing::PrintToStringParamName());

TEST_P(Mishap, OfDifferentCallsIsToldWithBoth) {
  const TeamRun run("mishap", parameters("differ"));
  EXPECT_EQ(run.status(), 0) << run.errors();
  EXPECT_NE(run.output().find("all members must call the same operations in the same order"),
            std::string::npos)
      << run.output();
}

TEST_P(Mishap, OfDifferentLengthsIsTold) {
  const TeamRun run("mishap", parameters("lengths"));
  EXPECT_EQ(run.status(), 0) << run.errors();
  EXPECT_NE(run.output().find("all members must give the same length"), std::string::npos)
      << run.output();
}

TEST_P(Mishap, OfAKilledMemberIsToldToTheOthers) {
  const TeamRun run("mishap", parameters("die"));
  EXPECT_EQ(run.status(), 137) << run.errors();
  EXPECT_EQ(run.ends(), (std::vector<std::string>{"succeeded", "succeeded", "signalled"}));
}

TEST_P(Mishap, OfAMemberThatEndsEarlyIsToldToThoseWhoWaitForIt) {
  const TeamRun run("mishap", parameters("go"));
  EXPECT_EQ(run.status(), 0) << run.errors();
}

TEST(Exchange, NeverDeadlocksThoughQueuesAreSmall) {
  for (const auto* machines : {"machines=1", "machines=2"}) {
    const TeamRun run("exchange", {machines});
    EXPECT_EQ(run.status(), 0) << machines << ": " << run.errors();
  }
}

}  // namespace
}  // namespace mvm::test
