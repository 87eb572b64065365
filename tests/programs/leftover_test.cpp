// SPDX-License-Identifier: GPL-3.0-or-later

/// Whoever of a running group is killed, at whatever moment, nothing of the group stays behind.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <mvm/base/text.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

/// Tasks that start others, which hide in sessions of their own and hold the output open.
constexpr const char* kJob = R"(
#include <mvm/job.hpp>
#include <cstdio>
#include <cstdlib>
int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  std::system("setsid sleep 1000 & sleep 1000 &");
  std::puts("running");
  std::fflush(stdout);
  job.port("prev").receive<int>();
}
)";

/// No machine waits so long for the last words of one that was killed.
constexpr const char* kProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="leftover">
  <param name="machines" type="int" default="1"/>
  <job name="cell" count="4"><source>job.cpp</source></job>
  <topology><graph kind="ring" over="cell"/></topology>
  <cluster><machines count="${machines}"/></cluster>
  <policy><links reconnect="1h"/></policy>
</profile>
)";

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<pid_t> children_of(pid_t pid) {
  std::istringstream words(content_of(text("/proc/", pid, "/task/", pid, "/children")));
  return {std::istream_iterator<pid_t>(words), {}};
}

/// Processes that live and were started with this home, whoever their parent is now.
std::vector<pid_t> processes_of(const fs::path& home) {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto environment = content_of(entry.path() / "environ");
    if (environment.find("HOME=" + home.string()) == std::string::npos) continue;
    found.push_back(std::stoi(name));
  }
  return found;
}

template <typename Condition>
bool holds_within(std::chrono::seconds limit, Condition&& condition) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// The processes of a running group, by what they are.
struct Group {
  pid_t mvm = -1;
  pid_t outer = -1;  ///< the mvmq that guards
  pid_t inner = -1;  ///< the mvmq that works
  pid_t task = -1;
};

using Killing = std::vector<pid_t Group::*>;

struct Case {
  std::string name;
  Killing killing;
  int machines;
};

class Leftover : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    runner_.write("job.cpp", kJob);
    runner_.write("leftover.mvm.xml", kProfile);
  }

  RunningProgram start() {
    return runner_.start_mvm(
        {"run", "leftover.mvm.xml", "-p", text("machines=", GetParam().machines)});
  }

  void expect_nothing_left() {
    EXPECT_TRUE(holds_within(std::chrono::seconds(10),
                             [&] { return processes_of(runner_.folder()).empty(); }))
        << processes_of(runner_.folder()).size() << " processes are left";
    std::error_code none;  // killed early, it had no run directory yet
    for (const auto& run : fs::directory_iterator(runner_.folder() / "mvm-runs", none)) {
      EXPECT_FALSE(fs::exists(run.path() / "work")) << run.path();
    }
    for (const auto& entry : fs::recursive_directory_iterator(runner_.folder())) {
      EXPECT_FALSE(entry.is_socket()) << entry.path();
    }
    for (const auto& entry : fs::directory_iterator("/dev/shm")) {
      EXPECT_EQ(entry.path().string().find("mvm"), std::string::npos) << entry.path();
    }
  }

  ProgramRunner runner_;
};

TEST_P(Leftover, NothingStays) {
  auto run = start();
  for (int task = 0; task < 4; ++task) {
    ASSERT_TRUE(run.read_until(text("cell[", task, "]: running"))) << run.errors();
  }
  Group group;
  group.mvm = run.pid();
  ASSERT_FALSE(children_of(group.mvm).empty());
  group.outer = children_of(group.mvm).front();
  ASSERT_FALSE(children_of(group.outer).empty());
  group.inner = children_of(group.outer).front();
  ASSERT_FALSE(children_of(group.inner).empty());
  group.task = children_of(group.inner).front();

  for (const auto victim : GetParam().killing) ::kill(group.*victim, SIGKILL);
  const auto ended = run.finish();
  EXPECT_FALSE(ended.timed_out);
  EXPECT_FALSE(ended.status.success());
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(
    Kill, Leftover,
    testing::Values(Case{"Mvm", {&Group::mvm}, 1}, Case{"MvmOfTwoMachines", {&Group::mvm}, 2},
                    Case{"QueueVm", {&Group::inner}, 1},
                    Case{"QueueVmOfTwoMachines", {&Group::inner}, 2},
                    Case{"Guardian", {&Group::outer}, 1},
                    Case{"QueueVmAndGuardian", {&Group::inner, &Group::outer}, 1},
                    Case{"MvmThenQueueVm", {&Group::mvm, &Group::inner}, 1},
                    Case{"Task", {&Group::task}, 1}, Case{"TaskOfTwoMachines", {&Group::task}, 2}),
    [](const auto& test) { return test.param.name; });

/// The moments between the start of the command and the first line of output.
class LeftoverAtAnyMoment : public Leftover {};

TEST_P(LeftoverAtAnyMoment, NothingStays) {
  const auto seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937 random(seed);
  (void)runner_.mvm({"build", "leftover.mvm.xml"});
  for (int round = 0; round < 8; ++round) {
    auto run = start();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    if (GetParam().name == "Mvm") {
      ::kill(run.pid(), SIGKILL);
    } else {
      const auto guards = children_of(run.pid());
      const auto workers = guards.empty() ? guards : children_of(guards.front());
      if (!workers.empty()) ::kill(workers.front(), SIGKILL);
      // Killed too early, the group has not begun, or is complete already and waits: end it.
      ::kill(run.pid(), SIGINT);
    }
    EXPECT_FALSE(run.finish().timed_out) << "seed " << seed << ", round " << round;
    expect_nothing_left();
  }
}

INSTANTIATE_TEST_SUITE_P(Kill, LeftoverAtAnyMoment,
                         testing::Values(Case{"Mvm", {}, 2}, Case{"QueueVm", {}, 2}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace mvm::test
