// SPDX-License-Identifier: Apache-2.0

/// That the hosts of the other tests are hosts.

#include "hosts.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <stdexcept>

#include <mvm/base/clock.hpp>

namespace mvm::test {
namespace {

using namespace std::chrono_literals;

Completed on(const Hosts& hosts, int host, std::vector<std::string> words) {
  SpawnRequest request;
  request.arguments = std::move(words);
  request.arguments.insert(request.arguments.begin(), hosts.agent(host).string());
  request.environment = current_environment();
  auto done = run_guarded(request, 20s, 1_MiB);
  EXPECT_TRUE(done.has_value());
  return done.value_or(Completed{});
}

bool soon(const std::function<bool()>& is_so) {
  const auto deadline = now() + 20s;
  while (!is_so()) {
    if (now() >= deadline) return false;
    ::usleep(1000);
  }
  return true;
}

bool reaches(const Hosts& hosts, int from, int to) {
  // A host that can be reached refuses a connection to where nobody listens, at once.
  const auto done =
      on(hosts, from, {"timeout", "1", "bash", "-c", ": <>/dev/tcp/" + Hosts::address(to) + "/9"});
  return done.errors.find("refused") != std::string::npos;
}

/// Who has asked in vain for an address asks again only after a while.
bool soon_reaches(const Hosts& hosts, int from, int to) {
  return soon([&] { return reaches(hosts, from, to); });
}

TEST(HostsTest, HaveNamesProcessesAndMemoryOfTheirOwn) {
  const Hosts hosts(2);
  EXPECT_EQ(on(hosts, 0, {"hostname"}).output, "host0\n");
  EXPECT_EQ(on(hosts, 1, {"hostname"}).output, "host1\n");
  EXPECT_TRUE(on(hosts, 0, {"touch", "/dev/shm/mine"}).status.success());
  EXPECT_TRUE(on(hosts, 0, {"test", "-e", "/dev/shm/mine"}).status.success());
  EXPECT_FALSE(on(hosts, 1, {"test", "-e", "/dev/shm/mine"}).status.success());
  EXPECT_EQ(on(hosts, 1, {"sh", "-c", "cat /proc/1/comm"}).output,
            on(hosts, 0, {"sh", "-c", "cat /proc/1/comm"}).output);
}

TEST(HostsTest, CablesAreCutAndHealed) {
  const Hosts hosts(3);
  EXPECT_TRUE(soon_reaches(hosts, 0, 1));
  hosts.cut(1);
  EXPECT_FALSE(reaches(hosts, 0, 1));
  EXPECT_FALSE(reaches(hosts, 1, 2));
  EXPECT_TRUE(soon_reaches(hosts, 0, 2));
  hosts.heal(1);
  EXPECT_TRUE(soon_reaches(hosts, 0, 1));
}

TEST(HostsTest, AreParted) {
  const Hosts hosts(4);
  hosts.part({2, 3});
  EXPECT_TRUE(soon_reaches(hosts, 0, 1));
  EXPECT_TRUE(soon_reaches(hosts, 2, 3));
  EXPECT_FALSE(reaches(hosts, 1, 2));
  hosts.unite();
  EXPECT_TRUE(soon_reaches(hosts, 1, 2));
}

/// Starts a program on a host, and leaves it running.
Child start_on(const Hosts& hosts, int host, std::vector<std::string> words) {
  words.insert(words.begin(), hosts.agent(host).string());
  SpawnRequest request;
  request.arguments = std::move(words);
  request.environment = current_environment();
  auto child = spawn(request);
  if (!child) throw std::runtime_error(child.error().message);
  return std::move(*child);
}

TEST(HostsTest, WhatRunsOnThemIsListedAndEndsWithThem) {
  Child agent;
  {
    const Hosts hosts(2);
    agent = start_on(hosts, 1, {"sleep", "1000"});
    EXPECT_TRUE(
        soon([&] { return hosts.processes(1) == std::vector<std::string>{"sleep 1000 "}; }));
    EXPECT_TRUE(hosts.processes(0).empty());
  }
  int status = 0;
  ASSERT_EQ(::waitpid(agent.pid, &status, 0), agent.pid);
  EXPECT_EQ(decode_wait_status(status).signal, SIGKILL);
}

/// It starts itself once more, with this variable, as the one to be killed.
constexpr const char* kVictim = "MVM_HOSTS_VICTIM";

TEST(HostsTest, AllEndsWhenTheTestIsKilled) {
  if (std::getenv(kVictim) != nullptr) {
    const Hosts hosts(2);
    const auto agent = start_on(hosts, 1, {"sleep", "31415"});
    ::pause();
  }
  const auto sleeps = [] {
    const auto found = Hosts::all_processes();
    return std::find(found.begin(), found.end(), "sleep 31415 ") != found.end();
  };
  SpawnRequest request;
  request.arguments = {"/proc/self/exe", "--gtest_filter=*AllEndsWhenTheTestIsKilled"};
  request.environment = current_environment();
  request.environment.push_back(std::string(kVictim) + "=1");
  const auto child = spawn(request);
  ASSERT_TRUE(child.has_value()) << child.error().message;
  EXPECT_TRUE(soon(sleeps));
  ::kill(child->pid, SIGKILL);
  EXPECT_TRUE(soon([&] { return !sleeps(); }));
  ::waitpid(child->pid, nullptr, 0);
}

}  // namespace
}  // namespace mvm::test
