// SPDX-License-Identifier: GPL-3.0-or-later

/// mvm with queue VMs that break the control protocol or keep silent, and mvmq with such a starter.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <optional>
#include <string>

#include <mvm/base/file.hpp>
#include <mvm/queuelayer/control_protocol.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;
namespace control = queue::control;

constexpr const char* kProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="peers">
  <param name="tasks" type="int" default="2"/>
  <job name="cell" count="${tasks}"><source>cell.cpp</source></job>
  <topology><graph kind="ring" over="cell"/></topology>
</profile>
)";

/// `mvm run` whose queue VM is a script that says what a test gives it.
class BrokenQueueVmTest : public testing::Test {
 protected:
  void SetUp() override {
    runner_.write("cell.cpp", "int main() {}\n");
    runner_.write("peers.mvm.xml", kProfile);
    static ProgramRunner shared;
    runner_.set_environment("MVM_CACHE_DIR=" + (shared.folder() / "cache").string());
  }
  /// The queue VM says `bytes` and then neither reads nor ends.
  Completed run_with(const std::string& bytes) {
    runner_.write("words", bytes);
    runner_.write("speak.sh", "cat words; exec sleep 1000\n");
    return runner_.mvm({"run", "--launch", "sh speak.sh", "peers.mvm.xml"});
  }
  void expect_refused(const std::string& bytes, const std::string& words) {
    const auto done = run_with(bytes);
    EXPECT_FALSE(done.timed_out);
    EXPECT_EQ(done.status.code, 125) << done.errors;
    EXPECT_NE(done.errors.find("machine m0"), std::string::npos) << done.errors;
    EXPECT_NE(done.errors.find(words), std::string::npos) << done.errors;
  }

  ProgramRunner runner_;
};

TEST_F(BrokenQueueVmTest, ThatSendsGarbageIsRefused) {
  expect_refused("Welcome to node 7!\n" + std::string(1 << 20, '*'), "control protocol");
}

TEST_F(BrokenQueueVmTest, ThatAnnouncesAHugeFrameIsRefused) {
  expect_refused(text("MV", static_cast<char>(control::kVersion), "\x05\xff\xff\xff\xff"),
                 "4294967295");
}

TEST_F(BrokenQueueVmTest, ThatSpeaksOutOfTurnIsRefused) {
  const auto hello = control::encode(control::Hello{1});
  const auto ready = control::encode(control::Ready{});
  for (const auto& words :
       {control::encode(control::TaskEnded{}), text(hello, hello),
        text(hello, control::encode(control::Figures{})), text(hello, ready, ready),
        text(hello, control::encode(control::Release{})),
        text(hello, control::encode(control::Status{}))}) {
    expect_refused(words, "out of turn");
  }
}

TEST_F(BrokenQueueVmTest, ThatDoesNotStartIsNamedWithItsCommand) {
  const auto done = runner_.mvm({"run", "--launch", "false {name}", "peers.mvm.xml"});
  EXPECT_EQ(done.status.code, 125) << done.errors;
  EXPECT_NE(done.errors.find("try by hand: false m0 "), std::string::npos) << done.errors;
}

TEST_F(BrokenQueueVmTest, ThatKeepsSilentDoesNotKeepItsUser) {
  runner_.write("words", control::encode(control::Hello{1}));
  runner_.write("speak.sh", "trap '' TERM; cat words; while :; do sleep 1000; done\n");
  // A plan of more bytes than a socket takes from a sender whom nobody reads.
  auto running = runner_.start_mvm(
      {"run", "--launch", "sh speak.sh", "-o", "json", "-p", "tasks=4000", "peers.mvm.xml"});
  ASSERT_TRUE(running.read_until("STARTING")) << running.errors();
  running.send_signal(SIGINT);
  running.send_signal(SIGTERM);
  const auto done = running.finish();
  EXPECT_FALSE(done.timed_out);
  EXPECT_EQ(done.status.code, 130) << done.errors;
}

/// A queue VM that the test has started itself, by a socket as `mvm` does.
class BrokenStarterTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    control_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    SpawnRequest request;
    request.arguments = {ProgramRunner::mvm_program().parent_path() / "mvmq"};
    request.environment = current_environment();
    request.standard_input = theirs.get();
    request.standard_output = theirs.get();
    auto child = spawn(request);
    ASSERT_TRUE(child) << child.error().message;
    child_ = std::move(*child);
  }
  void TearDown() override {
    if (child_.pid < 0) return;
    ::kill(-child_.pid, SIGKILL);
    ::waitpid(child_.pid, nullptr, 0);
  }
  void say(std::string_view bytes) { ASSERT_TRUE(write_all(control_.get(), bytes)); }
  std::optional<control::Message> hear() {
    for (;;) {
      auto message = reader_.next();
      if (!message) return {};
      if (*message) return std::move(*message);
      char bytes[65536];
      const auto got = ::read(control_.get(), bytes, sizeof bytes);
      if (got <= 0) return {};
      reader_.feed({bytes, static_cast<std::size_t>(got)});
    }
  }
  template <typename Wanted>
  std::optional<Wanted> hear_until() {
    while (auto message = hear()) {
      if (auto* found = std::get_if<Wanted>(&*message)) return std::move(*found);
    }
    return {};
  }
  /// Waits for the end of mvmq, which the test's own time limit bounds.
  ExitStatus end() {
    int status = 0;
    EXPECT_EQ(::wait4(child_.pid, &status, 0, &usage_), child_.pid);
    child_.pid = -1;
    return decode_wait_status(status);
  }
  /// A group of one task that floods its output, and needs no job.
  queue::WiringPlan flood() const {
    queue::WiringPlan plan;
    plan.group = "flood-00000000";
    plan.machines = {{}};
    plan.programs = {"/usr/bin/yes"};
    plan.work_directory = runner_.folder() / "work/m0";
    plan.output_directory = runner_.folder() / "output";
    plan.tasks = {
        {.job = "yes", .coordinates = {0}, .directory = runner_.folder() / "work/m0/yes.0"}};
    return plan;
  }

  ProgramRunner runner_;  // only for its folder
  UniqueFd control_;
  Child child_;
  rusage usage_{};
  control::FrameReader reader_;
};

TEST_F(BrokenStarterTest, ThatSendsGarbageIsToldAndLeft) {
  say("GET / HTTP/1.1\r\n\r\n");
  const auto failed = hear_until<control::Failed>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->code, ErrorCode::kProtocol) << failed->message;
  EXPECT_FALSE(end().success());
}

TEST_F(BrokenStarterTest, ThatBreaksOffInItsPlanIsLeft) {
  const auto start = control::encode(control::Start{flood()});
  say(std::string_view(start).substr(0, start.size() / 2));
  ASSERT_TRUE(hear_until<control::Hello>());
  control_.reset();
  EXPECT_FALSE(end().success());
}

/// Bytes that a process has written so far.
std::uint64_t written_by(std::int64_t pid) {
  std::ifstream file(text("/proc/", pid, "/io"));
  std::string word;
  std::uint64_t bytes = 0;
  while (file >> word >> bytes && word != "wchar:") {
  }
  return bytes;
}

TEST_F(BrokenStarterTest, ThatDoesNotReadSlowsTheTasksDown) {
  say(control::encode(control::Start{flood()}));
  const auto started = hear_until<control::TaskStarted>();
  ASSERT_TRUE(started);
  say(control::encode(control::Release{}));
  // More than the pipe, the queue VM's own buffer and the socket hold together is never written.
  constexpr std::uint64_t kHeldUp = 16 << 20;
  std::uint64_t before = 0;
  for (std::uint64_t written = 1; written != before && written < kHeldUp;) {
    before = written;
    ::poll(nullptr, 0, 300);  // the time in which nothing moves any more
    written = written_by(started->pid);
  }
  EXPECT_LT(written_by(started->pid), kHeldUp);
  EXPECT_GT(written_by(started->pid), 0U);
  control_.reset();
  EXPECT_FALSE(end().success());
  EXPECT_LT(usage_.ru_maxrss, 64 << 10) << "KiB";
  EXPECT_FALSE(fs::exists(runner_.folder() / "work"));
}

}  // namespace
}  // namespace mvm::test
