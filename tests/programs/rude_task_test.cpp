// SPDX-License-Identifier: GPL-3.0-or-later

/// Groups whose tasks do to their queue VM and their host what no task should.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

#include <mvm/base/clock.hpp>
#include <mvm/base/text.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

/// Every task does what its first argument says, and then greets its neighbour.
constexpr const char* kRude = R"(
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>
#include <mvm/job.hpp>

void write_out(const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto written = write(1, bytes.data() + at, bytes.size() - at);
    if (written > 0) at += static_cast<std::size_t>(written);
  }
}

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::string act = job.arguments().at(0);
  if (act == "line") write_out(std::string(3 << 20, 'x'));
  if (act == "frames") {
    for (int i = 0; i < 50; ++i) write_out(std::string(60000, 'a') + '\n' + std::string(60000, 'b'));
  }
  if (act == "flood") {
    const std::string lines(1 << 20, '\n');
    for (int i = 0; i < 32; ++i) write_out(lines);
  }
  if (act == "close") {
    for (int stream : {0, 1, 2}) close(stream);
  }
  if (act == "daemon") {
    if (std::system("setsid yes &") != 0) return 1;
  }
  if (act == "stop" && job.index() == 0) std::raise(SIGSTOP);
  if (act == "stop") return 7;
  if (act == "hide") {
    std::signal(SIGTERM, SIG_IGN);
    if (setpgid(0, getpgid(getppid())) != 0) return 8;
    write_out("hidden\n");
    for (;;) pause();
  }
  job.port("next").send(job.index());
  job.port("prev").receive<std::size_t>();
}
)";

constexpr const char* kProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="rude">
  <param name="act" type="string" default="none"/>
  <param name="tasks" type="int" default="2"/>
  <job name="cell" count="${tasks}">
    <source>rude.cpp</source>
    <arg>${act}</arg>
  </job>
  <topology><graph kind="ring" over="cell"/></topology>
</profile>
)";

class RudeTaskTest : public testing::Test {
 protected:
  void SetUp() override {
    runner_.write("rude.cpp", kRude);
    runner_.write("rude.mvm.xml", kProfile);
    static ProgramRunner shared;
    runner_.set_environment("MVM_CACHE_DIR=" + (shared.folder() / "cache").string());
  }
  /// Runs mvm in a shell that has prepared the surroundings.
  Completed run_after(const std::string& preparation, const std::string& options = {}) const {
    return runner_.run({"bash", "-c",
                        preparation + " && exec " + ProgramRunner::mvm_program().string() +
                            " run rude.mvm.xml " + options});
  }
  Completed act(const std::string& act) const {
    return run_after("true", "-o json -p act=" + act + " >events");
  }
  std::string log_of(int task) const {
    const auto runs = fs::directory_iterator(runner_.folder() / "mvm-runs");
    return runner_.read(runs->path() / text("log/cell.", task, ".out"));
  }

  ProgramRunner runner_;
};

TEST_F(RudeTaskTest, ALineWithoutEndIsKept) {
  const auto done = act("line");
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_EQ(log_of(0), std::string(3 << 20, 'x'));
}

TEST_F(RudeTaskTest, LinesThatDoNotFitTheirFrameTogetherAreKept) {
  const auto done = act("frames");
  EXPECT_EQ(done.status.code, 0) << done.errors;
  std::string expected;
  for (int i = 0; i < 50; ++i) expected += std::string(60000, 'a') + '\n' + std::string(60000, 'b');
  EXPECT_EQ(log_of(1), expected);
}

TEST_F(RudeTaskTest, MuchOutputIsKept) {
  const auto done = act("flood");
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_EQ(log_of(0).size(), 32U << 20);
}

TEST_F(RudeTaskTest, ClosedStreamsEndNothing) {
  const auto done = act("close");
  EXPECT_EQ(done.status.code, 0) << done.errors;
}

TEST_F(RudeTaskTest, AChildThatWritesForEverDoesNotOutliveTheGroup) {
  const auto done = act("daemon");
  EXPECT_FALSE(done.timed_out);
  EXPECT_EQ(done.status.code, 0) << done.errors;
}

TEST_F(RudeTaskTest, AStoppedTaskIsEndedWithItsGroup) {
  const auto begin = now();
  const auto done = act("stop");
  EXPECT_EQ(done.status.code, 7) << done.errors;
  EXPECT_LT(now() - begin, std::chrono::seconds(30));
}

TEST_F(RudeTaskTest, ATaskThatLeftItsProcessGroupIsFound) {
  auto running = runner_.start_mvm({"run", "rude.mvm.xml", "-p", "act=hide"});
  ASSERT_TRUE(running.read_until("hidden")) << running.errors();
  const auto begin = now();
  running.send_signal(SIGINT);
  running.send_signal(SIGTERM);
  const auto done = running.finish();
  EXPECT_EQ(done.status.code, 130) << done.errors;
  EXPECT_LT(now() - begin, std::chrono::seconds(4)) << "it was not found, but given up";
}

TEST_F(RudeTaskTest, ManyTasksNeedNoMoreThanAHardLimitOfDescriptors) {
  const auto done = run_after("ulimit -Sn 256", "-p tasks=300");
  EXPECT_EQ(done.status.code, 0) << done.errors;
}

TEST_F(RudeTaskTest, TooFewDescriptorsAreSaidBeforeAnythingStarts) {
  const auto done = run_after("ulimit -n 256", "-p tasks=300");
  EXPECT_EQ(done.status.code, 125) << done.errors;
  EXPECT_NE(done.errors.find("300 tasks on one machine need 664 open files, and this host allows "
                             "256 per process; raise that limit"),
            std::string::npos)
      << done.errors;
}

TEST_F(RudeTaskTest, AFullDiskEndsTheRunAndNotTheProgram) {
  ASSERT_EQ(runner_.mvm({"build", "rude.mvm.xml"}).status.code, 0);
  const auto done =
      runner_.run({"unshare", "--user", "--map-root-user", "--mount", "bash", "-c",
                   "mkdir small && mount -t tmpfs -o size=256k none small || exit 77; exec " +
                       ProgramRunner::mvm_program().string() +
                       " run rude.mvm.xml -p act=line --run-dir small >/dev/null"});
  if (done.status.code == 77 || done.errors.find("unshare") != std::string::npos) {
    GTEST_SKIP() << "this host does not let us mount a small disk: " << done.errors;
  }
  EXPECT_EQ(done.status.code, 125) << done.errors;
  EXPECT_NE(done.errors.find("No space left on device"), std::string::npos) << done.errors;
}

/// The address sanitizer of a job knows what memory of a queue is its own, though libmvm has none.
TEST_F(RudeTaskTest, ASanitizedJobThatWritesPastItsLoanIsToldWhere) {
  runner_.write("past.cpp", R"(#include <mvm/job.hpp>
int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  auto& out = job.port("next");
  auto loan = out.loan<char>(1000);
  const std::size_t beyond = job.arguments().at(0) == "past" ? 1 : 0;
  for (std::size_t i = 0; i < 1000 + beyond; ++i) loan.data()[i] = 'x';
  out.send(std::move(loan));
  return job.port("prev").receive<std::vector<char>>().size() == 1000 ? 0 : 1;
}
)");
  runner_.write("past.mvm.xml", R"(<profile xmlns="urn:mvm:profile:1" name="past">
  <param name="act" type="string" default="within"/>
  <job name="writer" count="2">
    <source>past.cpp</source>
    <build><flag>-fsanitize=address</flag><flag>-g</flag></build>
    <arg>${act}</arg>
  </job>
  <topology><graph kind="ring" over="writer"/></topology>
</profile>
)");
  EXPECT_EQ(runner_.mvm({"run", "past.mvm.xml"}).status.code, 0);
  const auto done = runner_.mvm({"run", "past.mvm.xml", "-p", "act=past"});
  EXPECT_NE(done.status.code, 0);
  EXPECT_NE((done.output + done.errors).find("use-after-poison"), std::string::npos)
      << done.output << done.errors;
  EXPECT_NE((done.output + done.errors).find("past.cpp:7"), std::string::npos);
}

}  // namespace
}  // namespace mvm::test
