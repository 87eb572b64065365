// SPDX-License-Identifier: GPL-3.0-or-later

/// Queue VMs that an agent starts, as ssh would on other hosts, and that meet over TCP.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

constexpr const char* kJob = R"(
#include <mvm/job.hpp>
#include <cstdio>
#include <cstdlib>
int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  job.port("next").send(std::vector<int>(100'000, static_cast<int>(job.index())));
  const auto got = job.port("prev").receive<std::vector<int>>();
  std::printf("on %s heard %d\n", std::getenv("AGENT"), got.back());
}
)";

constexpr const char* kProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="far">
  <job name="cell" count="2"><source>job.cpp</source></job>
  <topology><graph kind="ring" over="cell"/></topology>
  <cluster><machines count="2"/></cluster>
</profile>
)";

/// Whether nobody listens at a port of this host.
bool is_free(int port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// A number whose ports with 0 and 1 behind it are free: "2345" for 23450 and 23451. Tests that run
/// at the same time begin to look at different ones.
std::string free_pair() {
  constexpr int kPairs = 1200;  // from 20000 to below the ports that the system gives away
  for (int i = 0; i < kPairs; ++i) {
    const int tens = 2000 + (::getpid() + i) % kPairs;
    if (is_free(tens * 10) && is_free(tens * 10 + 1)) return std::to_string(tens);
  }
  ADD_FAILURE() << "no two free ports in a row";
  return "2000";
}

class LaunchTest : public testing::Test {
 protected:
  void SetUp() override {
    runner_.write("job.cpp", kJob);
    runner_.write("far.mvm.xml", kProfile);
  }
  Completed run(const std::string& agent, const std::string& endpoint) {
    return runner_.mvm({"run", "far.mvm.xml", "--launch", agent, "--endpoint", endpoint});
  }
  ProgramRunner runner_;
};

TEST_F(LaunchTest, AnAgentStartsEachMachineAndTheyMeetOverTcp) {
  const auto done = run("env AGENT={name}", "tcp://127.0.0.1:" + free_pair() + "{machine}");
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_NE(done.output.find("cell[0]: on m0 heard 1\n"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("cell[1]: on m1 heard 0\n"), std::string::npos) << done.output;
}

TEST_F(LaunchTest, HostNamesWillDo) {
  if (::gethostbyname("localhost") == nullptr) {
    GTEST_SKIP() << "this host does not know itself: it has no /etc/hosts";
  }
  const auto done = run("env AGENT={name}", "tcp://localhost:" + free_pair() + "{machine}");
  EXPECT_EQ(done.status.code, 0) << done.errors;
}

TEST_F(LaunchTest, AnAgentThatIsNotThereIsNamed) {
  const auto done = run("no-such-agent-{machine}", "tcp://127.0.0.1:" + free_pair() + "{machine}");
  EXPECT_EQ(done.status.code, 125);
  EXPECT_NE(done.errors.find("no-such-agent-0"), std::string::npos) << done.errors;
}

TEST_F(LaunchTest, AnEndpointMustTellMachinesApart) {
  const auto done = run("env AGENT={name}", "tcp://127.0.0.1:20000");
  EXPECT_EQ(done.status.code, 125);
  EXPECT_NE(done.errors.find("{machine}"), std::string::npos) << done.errors;
}

}  // namespace
}  // namespace mvm::test
