// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

/// Tasks that do what their first argument says.
constexpr const char* kActor = R"(
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>
#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::string act = job.arguments().at(0);
  if (act == "hello") {
    std::printf("hello from %d\n", static_cast<int>(job.index()));
    std::fprintf(stderr, "and an error line\n");
    if (job.index() == 1) {
      std::FILE* file = std::fopen("result.txt", "w");
      std::fputs("kept", file);
      std::fclose(file);
    }
  }
  if (act == "seven" && job.index() == 1) return 7;
  if (act == "segv" && job.index() == 1) std::raise(SIGSEGV);
  if (act == "flood") for (;;) std::puts("again and again");
  if (act == "wait" || act == "seven" || act == "segv" || act == "stubborn") {
    if (act == "stubborn") std::signal(SIGTERM, SIG_IGN);
    std::puts("waiting");
    std::fflush(stdout);
    for (;;) pause();
  }
}
)";

constexpr const char* kActors = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="actors">
  <param name="act" type="string" default="hello"/>
  <param name="limit" type="string" default="1h"/>
  <job name="actor" count="2">
    <source>actor.cpp</source>
    <arg>${act}</arg>
    <output>result.txt</output>
  </job>
  <topology><graph kind="ring" over="actor"/></topology>
  <policy><limits wall-time="${limit}"/></policy>
</profile>
)";

class RunTest : public testing::Test {
 protected:
  void SetUp() override {
    runner_.write("actor.cpp", kActor);
    runner_.write("actors.mvm.xml", kActors);
    // One cache for all tests of this program: the actor is compiled once.
    static ProgramRunner shared;
    runner_.set_environment("MVM_CACHE_DIR=" + (shared.folder() / "cache").string());
  }
  Completed act(const std::string& act, std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"run", "actors.mvm.xml", "-p", "act=" + act};
    words.insert(words.end(), more.begin(), more.end());
    return runner_.mvm(words);
  }
  fs::path run_directory() const {
    for (const auto& entry : fs::directory_iterator(runner_.folder() / "mvm-runs")) {
      return entry.path();
    }
    return {};
  }
  nlohmann::json summary() const {
    return nlohmann::json::parse(runner_.read(run_directory() / "summary.json"));
  }

  ProgramRunner runner_;
};

TEST_F(RunTest, PassesTaggedLinesOnAndKeepsARunDirectory) {
  const auto done = act("hello");
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_NE(done.output.find("actor[0]: hello from 0\n"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("actor[1]: hello from 1\n"), std::string::npos) << done.output;
  EXPECT_EQ(done.output.find("error"), std::string::npos);
  EXPECT_NE(done.errors.find("actor[0]: and an error line\n"), std::string::npos) << done.errors;
  EXPECT_NE(done.errors.find("COMPLETED"), std::string::npos) << done.errors;
  EXPECT_EQ(done.errors.find('\r'), std::string::npos) << "progress without a terminal";
  EXPECT_EQ(done.errors.find('\x1b'), std::string::npos) << "colour without a terminal";

  const auto run = run_directory();
  EXPECT_NE(done.errors.find("run directory: " + run.string()), std::string::npos) << done.errors;
  EXPECT_EQ(runner_.read(run / "log/actor.1.out"), "hello from 1\n");
  EXPECT_EQ(runner_.read(run / "output/actor.1/result.txt"), "kept");
  EXPECT_EQ(runner_.read(run / "profile.mvm.xml"), kActors);
  EXPECT_FALSE(fs::exists(run / "work"));
  EXPECT_EQ(summary()["state"], "COMPLETED");
  EXPECT_EQ(summary()["tasks"].size(), 2U);
  EXPECT_EQ(summary()["channels"].size(), 4U);
  EXPECT_EQ(runner_.mvm({"logs", "actor[1]"}).output, "hello from 1\n");
}

TEST_F(RunTest, StyleOptions) {
  const auto quiet = act("hello", {"--quiet", "--no-prefix"});
  EXPECT_EQ(quiet.errors.find("COMPLETED"), std::string::npos) << quiet.errors;
  EXPECT_NE(("\n" + quiet.output).find("\nhello from 1\n"), std::string::npos) << quiet.output;
  const auto elsewhere = act("hello", {"--run-dir", "elsewhere/deep"});
  EXPECT_EQ(elsewhere.status.code, 0) << elsewhere.errors;
  EXPECT_FALSE(fs::is_empty(runner_.folder() / "elsewhere/deep"));
}

TEST_F(RunTest, JsonIsOneEventPerLine) {
  const auto done = act("hello", {"-o", "json"});
  EXPECT_EQ(done.status.code, 0);
  std::istringstream lines(done.output);
  std::map<std::string, int> events;
  nlohmann::json last;
  for (std::string line; std::getline(lines, line);) {
    last = nlohmann::json::parse(line);
    ++events[last["event"]];
  }
  EXPECT_EQ(events["task_end"], 2);
  EXPECT_GE(events["output"], 4);
  EXPECT_EQ(events["result"], 1);
  EXPECT_EQ(last["event"], "result");
  EXPECT_EQ(last["exit_status"], 0);
  EXPECT_TRUE(fs::exists(last["directory"].get<std::string>() + "/summary.json"));
}

TEST_F(RunTest, EndsWithTheStatusOfTheTaskThatFailed) {
  const auto done = act("seven");
  EXPECT_EQ(done.status.code, 7) << done.errors;
  EXPECT_NE(done.errors.find("actor[1]"), std::string::npos) << done.errors;
  EXPECT_NE(done.errors.find("FAILED"), std::string::npos) << done.errors;
  EXPECT_EQ(summary()["exit_status"], 7);
  EXPECT_NE(act("seven", {"--quiet"}).errors.find("FAILED"), std::string::npos);
}

TEST_F(RunTest, EndsWithTheSignalOfTheTaskThatCrashed) {
  EXPECT_EQ(act("segv").status.code, 128 + SIGSEGV);
  EXPECT_EQ(summary()["state"], "FAILED");
}

TEST_F(RunTest, EndsWhenTheWallTimeHasPassed) {
  EXPECT_EQ(act("wait", {"-p", "limit=300ms"}).status.code, 124);
  EXPECT_EQ(summary()["state"], "TIMEOUT");
}

TEST_F(RunTest, RefusesABrokenProfile) {
  EXPECT_EQ(act("hello", {"-p", "limit=soon"}).status.code, 125);
  EXPECT_EQ(runner_.mvm({"run", "nowhere"}).status.code, 125);
  EXPECT_FALSE(fs::exists(runner_.folder() / "mvm-runs"));
}

TEST_F(RunTest, RefusesAnUnusableRunFolder) {
  const auto done = act("hello", {"--run-dir", "/proc/nowhere"});
  EXPECT_EQ(done.status.code, 125);
  EXPECT_NE(done.errors.find("/proc/nowhere"), std::string::npos) << done.errors;
}

TEST_F(RunTest, ReportsAJobThatDoesNotCompile) {
  runner_.write("actor.cpp", "int main() { return nothing; }\n");
  const auto done = act("hello");
  EXPECT_EQ(done.status.code, 126);
  EXPECT_NE(done.errors.find("actor.cpp:1:"), std::string::npos) << done.errors;
  EXPECT_FALSE(fs::exists(runner_.folder() / "mvm-runs"));
}

TEST_F(RunTest, AnInterruptEndsTheGroup) {
  auto running = runner_.start_mvm({"run", "actors.mvm.xml", "-p", "act=wait"});
  ASSERT_TRUE(running.read_until("waiting")) << running.errors();
  running.send_signal(SIGINT);
  const auto done = running.finish();
  EXPECT_FALSE(done.timed_out);
  EXPECT_EQ(done.status.code, 130) << done.errors;
  EXPECT_EQ(summary()["state"], "CANCELLED");
}

TEST_F(RunTest, ASecondInterruptDoesNotWaitForTheGrace) {
  auto running = runner_.start_mvm({"run", "actors.mvm.xml", "-p", "act=stubborn"});
  ASSERT_TRUE(running.read_until("waiting")) << running.errors();
  const auto begin = std::chrono::steady_clock::now();
  // Two signals of one kind would become one while the first is not read.
  running.send_signal(SIGINT);
  running.send_signal(SIGTERM);
  const auto done = running.finish();
  EXPECT_EQ(done.status.code, 130) << done.errors;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4)) << "grace is 5 s";
}

TEST_F(RunTest, AReaderThatGoesAwayEndsTheGroup) {
  const auto done =
      runner_.run({"bash", "-c",
                   ProgramRunner::mvm_program().string() +
                       " run actors.mvm.xml -p act=flood | head -1; exit ${PIPESTATUS[0]}"});
  EXPECT_EQ(done.status.code, 130) << done.errors;
  EXPECT_EQ(summary()["state"], "CANCELLED");
}

TEST_F(RunTest, LogsCanBeFollowedWhileItRuns) {
  auto running = runner_.start_mvm({"run", "actors.mvm.xml", "-p", "act=wait"});
  ASSERT_TRUE(running.read_until("waiting")) << running.errors();
  EXPECT_NE(runner_.mvm({"list"}).output.find("RUNNING"), std::string::npos);
  auto follower = runner_.start_mvm({"logs", "-f", "actor[0]"});
  ASSERT_TRUE(follower.read_until("waiting"));
  running.send_signal(SIGINT);
  EXPECT_EQ(running.finish().status.code, 130);
  const auto followed = follower.finish();
  EXPECT_FALSE(followed.timed_out);
  EXPECT_EQ(followed.status.code, 0);
}

TEST_F(RunTest, AKilledRunIsLostAndLeavesNothingThatDoctorCannotMend) {
  {
    auto running = runner_.start_mvm({"run", "actors.mvm.xml", "-p", "act=wait"});
    ASSERT_TRUE(running.read_until("waiting")) << running.errors();
    running.send_signal(SIGKILL);
    EXPECT_EQ(running.finish().status.signal, SIGKILL);
  }
  EXPECT_NE(runner_.mvm({"list"}).output.find("LOST"), std::string::npos);
  const auto mended = runner_.mvm({"doctor", "--leaks", "--fix"});
  EXPECT_EQ(mended.status.code, 0) << mended.output << mended.errors;
  EXPECT_FALSE(fs::exists(run_directory() / "work"));
}

}  // namespace
}  // namespace mvm::test
