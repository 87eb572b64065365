// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/subprocess.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace mvm {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;  ///< far more than anything here takes, for loaded hosts

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  UniqueFd read_end;
  UniqueFd write_end;
};

/// Reads until `count` bytes are there or the stream ends: how a test waits for other processes.
std::string read_some(int fd, std::size_t count) {
  std::string got;
  char buffer[256];
  while (got.size() < count) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) {
      ADD_FAILURE() << "nothing came within " << kPatience.count() << " s after '" << got << "'";
      break;
    }
    const auto n = ::read(fd, buffer, std::min(sizeof buffer, count - got.size()));
    if (n <= 0) break;
    got.append(buffer, static_cast<std::size_t>(n));
  }
  return got;
}

std::string read_to_end(int fd) {
  return read_some(fd, 1u << 30);
}

SpawnRequest shell(const std::string& script) {
  SpawnRequest request;
  request.arguments = {"/bin/sh", "-c", script};
  request.environment = {"PATH=/usr/bin:/bin"};
  return request;
}

ExitStatus end_of(const Child& child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child.pid, &status, 0), child.pid);
  return decode_wait_status(status);
}

/// What a script prints when it is spawned with this request.
std::string output_of(SpawnRequest request) {
  Pipe pipe;
  request.standard_output = pipe.write_end.get();
  const auto child = spawn(request);
  if (!child) return child.error().message;
  pipe.write_end.reset();
  auto output = read_to_end(pipe.read_end.get());
  EXPECT_TRUE(end_of(*child).success());
  return output;
}

TEST(Spawn, ReportsTheEndAsAShellWould) {
  EXPECT_EQ(end_of(spawn(shell("exit 7")).value()).shell_status(), 7);
  EXPECT_EQ(end_of(spawn(shell("kill -SEGV $$")).value()).shell_status(), 128 + SIGSEGV);
  EXPECT_TRUE(end_of(spawn(shell("true")).value()).success());
}

TEST(Spawn, NamesTheProgramOrStepThatFails) {
  SpawnRequest request;
  EXPECT_EQ(spawn(request).error().code, ErrorCode::kUsage);
  request.arguments = {"no-such-program-anywhere"};
  EXPECT_EQ(spawn(request).error().message, "program 'no-such-program-anywhere' is not in PATH");
  request.arguments = {"/no/such/program"};
  EXPECT_EQ(spawn(request).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(spawn(request).error().message,
            "start /no/such/program: execute: No such file or directory");
  request.arguments = {"/etc/passwd"};
  EXPECT_EQ(spawn(request).error().code, ErrorCode::kPermission);
  auto lost = shell("true");
  lost.directory = "/no/such/folder";
  EXPECT_EQ(spawn(lost).error().message, "start /bin/sh: folder: No such file or directory");
}

TEST(Spawn, GivesExactlyTheNamedEnvironment) {
  auto request = shell("printf %s \"$WORD-$HOME\"");
  request.environment.push_back("WORD=a b");
  EXPECT_EQ(output_of(request), "a b-");
}

TEST(Spawn, StartsInTheNamedFolder) {
  auto request = shell("pwd");
  request.directory = "/usr";
  EXPECT_EQ(output_of(request), "/usr\n");
}

TEST(Spawn, PassesDescriptorsCrosswiseAndNothingElse) {
  Pipe first;
  Pipe second;
  const Pipe unrelated;
  auto request = shell("printf a >&3; printf b >&4; ls /proc/self/fd | tr '\\n' ' '");
  // Wanted crosswise: each source's number is the other's target.
  const int low = ::fcntl(first.write_end.get(), F_DUPFD, 3);
  request.descriptors = {{second.write_end.get(), 3}, {low, 4}};
  const auto listed = output_of(request);
  ::close(low);
  first.write_end.reset();
  second.write_end.reset();
  EXPECT_EQ(read_to_end(second.read_end.get()), "a");
  EXPECT_EQ(read_to_end(first.read_end.get()), "b");
  EXPECT_EQ(listed, "0 1 2 3 4 5 ") << "5 is ls's own";
}

TEST(Spawn, PinsToTheNamedCores) {
  cpu_set_t usable;
  ASSERT_EQ(::sched_getaffinity(0, sizeof usable, &usable), 0);
  int last = -1;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<std::size_t>(core), &usable)) last = core;
  }
  auto request = shell("grep Cpus_allowed_list /proc/self/status | tr -dc '0-9,-'");
  request.cores = {last};
  EXPECT_EQ(output_of(request), std::to_string(last));
}

TEST(Spawn, LimitsPrivateMemory) {
  auto request = shell("ulimit -d");
  request.data_limit = 64_MiB;
  EXPECT_EQ(output_of(request), "65536\n");
}

TEST(Spawn, EndsTheChildWhenItsParentIsKilled) {
  Pipe pipe;
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto request = shell("printf x; exec sleep 1000");
    request.standard_output = pipe.write_end.get();
    const auto child = spawn(request);
    ::pause();
    ::_exit(child ? 0 : 1);
  }
  pipe.write_end.reset();
  EXPECT_EQ(read_some(pipe.read_end.get(), 1), "x");
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_EQ(read_to_end(pipe.read_end.get()), "") << "the child holds the pipe";
}

TEST(RunGuarded, KeepsBothStreamsAndTheStatus) {
  const auto done = run_guarded(shell("echo out; echo err >&2; exit 3"), kPatience, 1_MiB);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output, "out\n");
  EXPECT_EQ(done->errors, "err\n");
  EXPECT_EQ(done->status.code, 3);
  EXPECT_FALSE(done->timed_out);
}

TEST(RunGuarded, ReportsASignal) {
  const auto done = run_guarded(shell("kill -ABRT $$"), kPatience, 1_MiB);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->status.signal, SIGABRT);
}

TEST(RunGuarded, DropsOutputBeyondTheLimit) {
  const auto done = run_guarded(shell("yes | head -c 10000000"), kPatience, 1_KiB);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output.size(), 1024U);
  EXPECT_TRUE(done->status.success());
}

TEST(RunGuarded, PassesASpawnErrorOn) {
  SpawnRequest request;
  request.arguments = {"/no/such/program"};
  const auto done = run_guarded(request, kPatience, 1_MiB);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(done.error().message, "start /no/such/program: execute: No such file or directory");
}

/// A family that does what it can to stay: a child, a child in a session of its own, and a
/// grandchild that left both session and parent. Each writes one letter to descriptor 3 and keeps
/// it open: the reader sees three letters when all live, and the end of the stream when all died.
constexpr const char* kStubbornFamily =
    "trap '' TERM INT HUP\n"
    "(printf a >&3; exec sleep 1000) &\n"
    "setsid sh -c 'printf b >&3; exec sleep 1000' &\n"
    "(setsid sh -c 'trap \"\" TERM; printf c >&3; sleep 1000; sleep 1000' & ) \n"
    "sleep 1000; sleep 1000\n";

TEST(RunGuarded, EndsAllDescendantsWhenTheTimeIsOver) {
  Pipe pipe;
  auto request = shell(kStubbornFamily);
  request.descriptors = {{pipe.write_end.get(), 3}};
  const auto done = run_guarded(request, 2s, 1_MiB);
  pipe.write_end.reset();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->timed_out);
  auto letters = read_to_end(pipe.read_end.get());
  std::ranges::sort(letters);
  EXPECT_EQ(letters, "abc") << "all were alive, and now all are dead";
}

TEST(RunGuarded, EndsDescendantsThatTheProgramLeavesBehind) {
  Pipe pipe;
  auto request = shell("(setsid sleep 1000 &) ; exit 0");
  request.descriptors = {{pipe.write_end.get(), 3}};
  const auto done = run_guarded(request, kPatience, 1_MiB);
  pipe.write_end.reset();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->status.success());
  EXPECT_EQ(read_to_end(pipe.read_end.get()), "");
}

TEST(RunGuarded, EndsAllDescendantsWhenTheCallerIsKilled) {
  Pipe pipe;
  const pid_t caller = ::fork();
  if (caller == 0) {
    auto request = shell(kStubbornFamily);
    request.descriptors = {{pipe.write_end.get(), 3}};
    const auto done = run_guarded(request, 1h, 1_MiB);
    ::_exit(done ? 0 : 1);
  }
  pipe.write_end.reset();
  auto letters = read_some(pipe.read_end.get(), 3);
  std::ranges::sort(letters);
  EXPECT_EQ(letters, "abc");
  ::kill(caller, SIGKILL);
  ::waitpid(caller, nullptr, 0);
  EXPECT_EQ(read_to_end(pipe.read_end.get()), "") << "a descendant or the guardian still lives";
}

TEST(FindProgram, FollowsThePath) {
  EXPECT_TRUE(find_program("sh"));
  EXPECT_FALSE(find_program("no-such-program-anywhere"));
}

}  // namespace
}  // namespace mvm
