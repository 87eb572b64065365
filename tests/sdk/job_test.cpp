// SPDX-License-Identifier: GPL-3.0-or-later
// The SDK as a job sees it: each program in jobs/ checks one side of it, and is run by the real
// `mvm run`, on one machine and on two.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <mvm/job.hpp>
#include <nlohmann/json.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

/// One run of a profile in jobs/.
class JobRun {
 public:
  explicit JobRun(const std::string& name, const std::vector<std::string>& parameters = {}) {
    // Compiled once for all tests.
    runner_.set_environment("MVM_CACHE_DIR=" MVM_BINARY_DIR "/tests/sdk-job-cache");
    std::vector<std::string> words = {"run", MVM_SOURCE_DIR "/tests/sdk/jobs/" + name + ".mvm.xml"};
    for (const auto& parameter : parameters) words.insert(words.end(), {"-p", parameter});
    completed_ = runner_.mvm(words, std::chrono::minutes(2));
    EXPECT_FALSE(completed_.timed_out);
  }
  int status() const { return completed_.status.shell_status(); }
  const std::string& errors() const { return completed_.errors; }
  /// A list of its summary: "tasks" or "channels".
  nlohmann::json summary(const std::string& list) const {
    std::error_code error;
    for (const auto& run : fs::directory_iterator(runner_.folder() / "mvm-runs", error)) {
      return nlohmann::json::parse(runner_.read(run.path() / "summary.json"))[list];
    }
    return nlohmann::json::array();
  }

 private:
  ProgramRunner runner_;
  Completed completed_;
};

/// Every channel of the run was read to its end.
void expect_all_received(const JobRun& run) {
  for (const auto& channel : run.summary("channels")) {
    EXPECT_EQ(channel["enqueued"], channel["dequeued"]) << channel;
    EXPECT_EQ(channel["left"].get<int>() + channel["lost_with_task"].get<int>(), 0) << channel;
  }
}

class OnMachines : public testing::TestWithParam<int> {
 protected:
  std::string machines() const { return "machines=" + std::to_string(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Machines, OnMachines, testing::Values(1, 2), [](const auto& chosen) {
  return chosen.param == 1 ? std::string("One") : std::string("Two");
});

TEST_P(OnMachines, SendsAndReceivesInEveryForm) {
  const JobRun run("forms", {machines()});
  EXPECT_EQ(run.status(), 0) << run.errors();
  expect_all_received(run);
}

TEST_P(OnMachines, ServesTasksInPlainC) {
  const JobRun run("plain", {machines()});
  EXPECT_EQ(run.status(), 0) << run.errors();
  expect_all_received(run);
}

TEST(Plain, SendsWithPriorityDeadlineAndFullQueues) {
  const JobRun run("terms");
  EXPECT_EQ(run.status(), 0) << run.errors();
  expect_all_received(run);
}

TEST_P(OnMachines, SendsEveryTypeOverEveryCodec) {
  for (const auto* codec : {"raw", "portable", "portable lz4", "crc32c"}) {
    const JobRun run("types", {machines(), std::string("codec=") + codec});
    EXPECT_EQ(run.status(), 0) << codec << ": " << run.errors();
    expect_all_received(run);
  }
}

TEST_P(OnMachines, OrdersAndEncodesAsPluginsSay) {
  for (const auto* codec :
       {"raw", "shift(3)", "shift(200) lz4 crc32c aes-gcm", "zstd(9) aes-gcm"}) {
    const JobRun run("plugins", {machines(), std::string("codec=") + codec});
    EXPECT_EQ(run.status(), 0) << codec << ": " << run.errors();
    expect_all_received(run);
  }
}

TEST_P(OnMachines, TakesPortsInTurnAndServesThreads) {
  const JobRun run("turns", {machines()});
  EXPECT_EQ(run.status(), 0) << run.errors();
  expect_all_received(run);
}

TEST_P(OnMachines, SpreadsAsTheLinkSays) {
  for (const auto* spread : {"each", "round-robin", "shared", "hash"}) {
    const JobRun run("spread", {machines(), std::string("spread=") + spread});
    EXPECT_EQ(run.status(), 0) << spread << ": " << run.errors();
    expect_all_received(run);
  }
}

TEST_P(OnMachines, RunsManyMoreTasksThanCores) {
  const JobRun run("torus", {machines()});
  EXPECT_EQ(run.status(), 0) << run.errors();
  EXPECT_EQ(run.summary("tasks").size(), 256u);
  expect_all_received(run);
}

TEST(Misuse, IsToldWithTaskPortAndRemedy) {
  const JobRun run("misuse");
  EXPECT_EQ(run.status(), 0) << run.errors();
}

TEST(Waiting, UsesNoProcessorTime) {
  const JobRun run("idle");
  EXPECT_EQ(run.status(), 0) << run.errors();
  for (const auto& task : run.summary("tasks")) {
    EXPECT_GE(task["run_seconds"].get<double>(), task["task"] == "slow[0]" ? 2.0 : 1.9);
    EXPECT_LT(task["cpu_seconds"].get<double>(), 0.1) << task;
  }
}

/// How the tasks of the pipeline ended, in order.
std::vector<std::string> ends(const JobRun& run) {
  std::vector<std::string> all;
  for (const auto& task : run.summary("tasks")) all.push_back(task["end"]);
  return all;
}

TEST(Ending, OfAStreamThatNobodyCatchesIsNoFailure) {
  const JobRun run("ending");
  EXPECT_EQ(run.status(), 0) << run.errors();
  EXPECT_EQ(ends(run), (std::vector<std::string>{"succeeded", "follower", "follower"}));
  EXPECT_NE(run.errors().find("stage[1]: stage[1], port in: the other end is gone"),
            std::string::npos)
      << run.errors();
}

TEST(Ending, InFailureIsTheGroupsStatus) {
  const JobRun failed("ending", {"how=fail"});
  EXPECT_EQ(failed.status(), 7) << failed.errors();
  EXPECT_EQ(ends(failed)[0], "failed");
  const JobRun crashed("ending", {"how=crash"});
  EXPECT_EQ(crashed.status(), 139) << crashed.errors();
  EXPECT_EQ(ends(crashed)[0], "signalled");
  for (const std::size_t other : {1u, 2u}) {
    EXPECT_NE(ends(failed)[other], "failed");
    EXPECT_NE(ends(crashed)[other], "failed");
  }
}

TEST(Ending, ByAMisuseThatNobodyCatchesSaysWhat) {
  const JobRun run("ending", {"how=misuse"});
  EXPECT_EQ(run.status(), 1) << run.errors();
  EXPECT_NE(run.errors().find("stage[0]: stage[0] has no port 'in' (its ports are out)"),
            std::string::npos)
      << run.errors();
}

// Outside of a group.

std::string refusal() {
  char name[] = "job";
  char* words[] = {name, nullptr};
  try {
    const Job job(1, words);
  } catch (const error& problem) {
    return problem.what();
  }
  return "accepted";
}

TEST(Outside, SaysHowAJobIsStarted) {
  ::unsetenv("MVM_ARENA");
  ::unsetenv("MVM_TASK");
  EXPECT_EQ(refusal(),
            "this program is a job of MVM and has no ports of its own; start it with "
            "'mvm run PROFILE', where PROFILE names it as a <job>");
}

TEST(Outside, RefusesADescriptorThatIsNoArena) {
  ::setenv("MVM_ARENA", "987", 1);
  ::setenv("MVM_TASK", "0", 1);
  EXPECT_EQ(refusal(), "attach to the job group: look at the arena: Bad file descriptor");
  ::setenv("MVM_ARENA", "9x", 1);
  EXPECT_NE(refusal().find("start it with"), std::string::npos);
  ::unsetenv("MVM_ARENA");
  ::unsetenv("MVM_TASK");
}

}  // namespace
}  // namespace mvm::test
