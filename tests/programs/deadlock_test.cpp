// SPDX-License-Identifier: GPL-3.0-or-later

/// Deadlocks are found, and nothing else is taken for one.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "example_run.hpp"
#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

/// Tasks in a ring that do what their first argument says.
constexpr const char* kActor = R"(
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>
#include <unistd.h>
#include <mvm/job.hpp>

using namespace std::chrono_literals;

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::string act = job.arguments().at(0);
  auto& next = job.port("next");
  auto& prev = job.port("prev");
  const bool first = job.index() == 0;
  if (act == "receive-first") {
    for (int round = 0; round < 3; ++round) {
      next.send(round);
      prev.receive<int>();
    }
    prev.receive<int>();
    next.send(0);
  }
  if (act == "send-too-much") {
    for (int i = 0; i < 100'000; ++i) next.send(i);
    for (int i = 0; i < 100'000; ++i) prev.receive<int>();
  }
  if (act == "holds-a-view") {
    next.send(1);
    auto message = job.receive_any();
    prev.receive<int>();
  }
  if (act == "two-threads") {
    std::thread other([&] { sleep_ms(300); });
    other.detach();
    prev.receive<int>();
  }
  if (act == "pair-of-four") {
    if (job.index() < 2) job.port(first ? "next" : "prev").receive<int>();
    for (;;) sleep_ms(1000);
  }
  if (act == "barrier") {
    if (job.index() == 3) prev.receive<int>();
    job.barrier();
  }
  if (act == "root-receives") {
    if (first) next.receive<int>();
    if (job.index() == 3) for (;;) sleep_ms(1000);
    job.team().broadcast(1);
  }
  // Task 2 takes what its neighbours send, and more, but gives nothing.
  if (act == "one-does-not-exchange") {
    job.exchange(0);
    if (job.index() != 2) job.exchange(1);
    for (int i = 0; i < 2; ++i) prev.receive<int>();
  }
  // What task 1 has sent before leaves no room for what it sends in the exchange.
  if (act == "exchange-without-room") {
    if (job.index() == 1) next.send(1);
    if (job.index() == 2) job.barrier();
    job.exchange(0);
    prev.receive<int>();
  }
  // What follows ends well.
  if (act == "sleeps") {
    if (first) sleep_ms(2500);
    if (first) next.send(1);
    prev.receive<int>();
    if (!first) next.send(1);
  }
  if (act == "computes") {
    if (first) {
      const auto until = std::chrono::steady_clock::now() + 2500ms;
      while (std::chrono::steady_clock::now() < until) {}
      next.send(1);
    }
    prev.receive<int>();
    if (!first) next.send(1);
  }
  if (act == "timed") {
    if (first && prev.receive_for<int>(2500ms)) return 1;
    if (first) next.send(1);
    prev.receive<int>();
    if (!first) next.send(1);
  }
  if (act == "thread-computes") {
    std::thread other([&] {
      if (!first) return;
      sleep_ms(2500);
      next.send(1);
    });
    prev.receive<int>();
    if (!first) next.send(1);
    other.join();
  }
  if (act == "child") {
    if (first) {
      if (std::system("sleep 2.5") != 0) return 1;
      next.send(1);
    }
    prev.receive<int>();
    if (!first) next.send(1);
  }
  if (act == "exchanges") {
    for (int round = 0; round < 300; ++round) {
      if (first && round % 100 == 50) sleep_ms(600);
      for (const auto& each : job.exchange(round)) {
        if (each.value != round) return 1;
      }
      const std::vector<int> row(round % 50 == 0 ? 50'000 : 3, round);
      for (const auto& each : job.exchange(row)) {
        if (each.value != row) return 1;
      }
    }
  }
  // Task 0 exchanges late, with the one neighbour later than with the other.
  if (act == "exchanges-by-hand") {
    job.barrier();
    if (!first) job.exchange(1);
    if (first) next.send(1);
    if (first) sleep_ms(1200);
    if (first) prev.send(1);
    if (first) sleep_ms(1200);
    if (first) next.receive<int>();
    if (first) prev.receive<int>();
    job.barrier();
  }
  if (act == "broadcasts") {
    for (int round = 0; round < 20; ++round) {
      if (first) sleep_ms(120);
      if (job.team().broadcast(first ? round : -1) != round) return 1;
      if (round % 3 == 0) job.barrier();
    }
  }
  if (act == "closes") {
    if (first) next.close();
    if (job.index() == 1) while (prev.next<int>()) {}
    if (!first) next.send(1);
    if (job.index() != 1) prev.receive<int>();
  }
  if (act == "leaves") {
    if (first) return 0;
    while (prev.next<int>()) {}
  }
  if (act == "token") {
    for (int round = 0; round < 40; ++round) {
      if (first) next.send(round);
      prev.receive<int>();
      if (!first) next.send(round);
    }
  }
}
)";

constexpr const char* kProfile = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="ring">
  <param name="act" type="string" default="token"/>
  <param name="action" type="string" default="end"/>
  <param name="latency" type="string" default="0ms"/>
  <param name="capacity" type="int" default="64"/>
  <param name="machines" type="int" default="1"/>
  <job name="cell" count="4"><source>actor.cpp</source><arg>${act}</arg></job>
  <topology><graph kind="ring" over="cell"/></topology>
  <queues><queue on="cell[*].*" latency="${latency}" capacity="${capacity}"/></queues>
  <cluster><machines count="${machines}"/></cluster>
  <policy><limits wall-time="60s"/><deadlock action="${action}"/></policy>
</profile>
)";

class DeadlockTest : public testing::Test {
 protected:
  void SetUp() override {
    runner_.write("actor.cpp", kActor);
    runner_.write("ring.mvm.xml", kProfile);
    static ProgramRunner shared;
    runner_.set_environment("MVM_CACHE_DIR=" + (shared.folder() / "cache").string());
  }
  static std::vector<std::string> words_of(const std::string& act,
                                           const std::vector<std::string>& parameters) {
    std::vector<std::string> words = {"run", "ring.mvm.xml", "-p", "act=" + act};
    for (const auto& parameter : parameters) {
      words.emplace_back("-p");
      words.push_back(parameter);
    }
    return words;
  }
  Completed act(const std::string& act, const std::vector<std::string>& parameters = {}) const {
    return runner_.mvm(words_of(act, parameters));
  }
  RunningProgram start(const std::string& act, const std::vector<std::string>& parameters) const {
    return runner_.start_mvm(words_of(act, parameters));
  }
  fs::path run_directory() const {
    for (const auto& entry : fs::directory_iterator(runner_.folder() / "mvm-runs")) {
      return entry.path();
    }
    return {};
  }
  nlohmann::json json_of(const char* name) const {
    return nlohmann::json::parse(runner_.read(run_directory() / name));
  }
  static bool holds(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
  }

  ProgramRunner runner_;
};

TEST_F(DeadlockTest, IsFoundExplainedAndEndsTheGroup) {
  const auto done = act("receive-first");
  EXPECT_EQ(done.status.code, 122) << done.errors;
  EXPECT_TRUE(holds(done.errors, "deadlock: 4 tasks wait for each other for ever: "))
      << done.errors;
  EXPECT_TRUE(holds(done.errors, "to receive at port prev from cell[3] (3 sent, 3 received)\n"))
      << done.errors;
  const auto summary = json_of("summary.json");
  EXPECT_EQ(summary["state"], "FAILED");
  EXPECT_EQ(summary["exit_status"], 122);
  EXPECT_EQ(summary["deadlocks"], 1);
  EXPECT_EQ(
      summary["cause"],
      "deadlock: cell[0] waits for cell[3], which waits for cell[2], which waits for cell[1], "
      "which waits for cell[0]");
  EXPECT_LT(summary["run_seconds"], 10.0);
  const auto waits = json_of("waits.json");
  EXPECT_EQ(waits["knots"],
            nlohmann::json::parse(R"([["cell[0]", "cell[3]", "cell[2]", "cell[1]"]])"));
  EXPECT_EQ(waits["tasks"][0]["condition"], "stuck");
  EXPECT_EQ(waits["tasks"][0]["waits"][0]["awaited"][0]["sent"], 3);
  const auto told = runner_.mvm({"explain"});
  EXPECT_EQ(told.status.code, 0);
  EXPECT_TRUE(holds(told.output, "cell[1] has waited")) << told.output;
  const auto graph = runner_.mvm({"graph", run_directory().string()});
  EXPECT_EQ(graph.status.code, 0) << graph.errors;
  EXPECT_TRUE(holds(graph.output,
                    "t3 -> t0 [taillabel=\"next\", headlabel=\"prev\", "
                    "color=\"#cc0000\", fontcolor=\"#cc0000\", penwidth=2, "
                    "label=\"cell[0] waits to receive: 3 sent, 3 received\"];"))
      << graph.output;
  EXPECT_TRUE(holds(graph.output, "t0 -> t3 [taillabel=\"prev\", headlabel=\"next\"];"))
      << "nobody waits there:\n"
      << graph.output;
}

TEST_F(DeadlockTest, IsFoundAmongSeveralMachines) {
  for (const char* machines : {"machines=2", "machines=4"}) {
    const auto done = act("receive-first", {machines});
    EXPECT_EQ(done.status.code, 122) << done.errors;
    EXPECT_TRUE(holds(done.errors, "(3 sent, 3 received)")) << done.errors;
  }
}

TEST_F(DeadlockTest, IsFoundWhereAllWaitForRoom) {
  const auto done = act("send-too-much");
  EXPECT_EQ(done.status.code, 122) << done.errors;
  EXPECT_TRUE(holds(done.errors, "to send 4 bytes at port next, for room in the queue to cell[1]"))
      << done.errors;
}

TEST_F(DeadlockTest, IsFoundWhereAllWaitForRoomOnOtherMachines) {
  EXPECT_EQ(act("send-too-much", {"machines=2"}).status.code, 122);
}

/// A message that the task holds is not one that it could receive.
TEST_F(DeadlockTest, IsFoundWhileMessagesAreHeld) {
  EXPECT_EQ(act("holds-a-view").status.code, 122);
}

/// The last thread that could have helped ends, and nobody begins a new wait.
TEST_F(DeadlockTest, IsFoundWhenAThreadEnds) {
  EXPECT_EQ(act("two-threads").status.code, 122);
}

TEST_F(DeadlockTest, IsFoundInPartOfAGroup) {
  const auto done = act("pair-of-four");
  EXPECT_EQ(done.status.code, 122) << done.errors;
  EXPECT_TRUE(
      holds(done.errors, "deadlock: 2 tasks wait for each other for ever: cell[0], cell[1]"))
      << done.errors;
}

TEST_F(DeadlockTest, IsFoundBehindACollectiveOperation) {
  const auto done = act("barrier");
  EXPECT_EQ(done.status.code, 122) << done.errors;
  EXPECT_TRUE(holds(done.errors, "of team cell, for cell[3]")) << done.errors;
}

TEST_F(DeadlockTest, IsFoundBehindACollectiveOperationAmongMachines) {
  for (const char* machines : {"machines=2", "machines=4"}) {
    const auto done = act("barrier", {machines});
    EXPECT_EQ(done.status.code, 122) << machines << ": " << done.errors;
    EXPECT_TRUE(holds(done.errors, "cell[3] has waited")) << done.errors;
  }
}

/// Others of the team go on, but only the root could end the wait for it.
TEST_F(DeadlockTest, IsFoundWhereTheRootOfACollectiveOperationWaits) {
  for (const char* machines : {"machines=1", "machines=2"}) {
    const auto done = act("root-receives", {machines});
    EXPECT_EQ(done.status.code, 122) << machines << ": " << done.errors;
    EXPECT_TRUE(holds(done.errors,
                      "deadlock: 2 tasks wait for each other for ever: "
                      "cell[0], cell[1]"))
        << done.errors;
    EXPECT_TRUE(holds(done.errors, "of team cell, for cell[0]")) << done.errors;
  }
}

TEST_F(DeadlockTest, IsFoundInAnExchangeAndNamesThePortsThatAreLeft) {
  const auto done = act("one-does-not-exchange");
  EXPECT_EQ(done.status.code, 122) << done.errors;
  EXPECT_TRUE(holds(done.errors,
                    "in an exchange: to receive at port next from cell[2] "
                    "(1 sent, 1 received)\n"))
      << done.errors;
  const auto waits = json_of("waits.json");
  EXPECT_EQ(waits["knots"], nlohmann::json::parse(R"([["cell[1]", "cell[2]"]])"));
  const auto& wait = waits["tasks"][3]["waits"][0];
  EXPECT_EQ(wait["for"], "exchange");
  EXPECT_EQ(wait["at"], "port prev");
  EXPECT_EQ(wait["awaited"],
            nlohmann::json::parse(R"([{"task": "cell[2]", "for": "receive", "port": "prev",
                                       "channel": )" +
                                  wait["awaited"][0]["channel"].dump() +
                                  R"(, "sent": 1, "received": 1}])"));
  const auto told = runner_.mvm({"explain"});
  EXPECT_TRUE(holds(told.output, "cell[1] has waited")) << told.output;
  const auto graph = runner_.mvm({"graph", run_directory().string()});
  EXPECT_TRUE(holds(graph.output, "cell[1] waits to receive: 1 sent, 1 received"))
      << graph.errors << graph.output;
}

TEST_F(DeadlockTest, IsFoundInAnExchangeAmongMachines) {
  for (const char* machines : {"machines=2", "machines=4"}) {
    const auto done = act("one-does-not-exchange", {machines});
    EXPECT_EQ(done.status.code, 122) << machines << ": " << done.errors;
    EXPECT_TRUE(holds(done.errors, "in an exchange: to receive at port next from cell[2]"))
        << done.errors;
  }
}

TEST_F(DeadlockTest, IsFoundInAnExchangeThatWaitsForRoom) {
  const auto done = act("exchange-without-room", {"capacity=1"});
  EXPECT_EQ(done.status.code, 122) << done.errors;
  EXPECT_TRUE(holds(done.errors,
                    " in an exchange: to receive at port next from cell[2] "
                    "(0 sent, 0 received) or to send at port next, for room in the "
                    "queue to cell[2] (1 sent, 0 received)\n"))
      << done.errors;
  EXPECT_EQ(act("exchange-without-room", {"capacity=1", "machines=2"}).status.code, 122);
}

TEST_F(DeadlockTest, IsFoundInAnExchangeThroughEmulatedLatency) {
  EXPECT_EQ(act("one-does-not-exchange", {"latency=50ms"}).status.code, 122);
}

TEST_F(DeadlockTest, IsFoundThroughEmulatedLatency) {
  EXPECT_EQ(act("receive-first", {"latency=50ms"}).status.code, 122);
}

TEST_F(DeadlockTest, IsReportedOnlyWhereThePolicySaysSo) {
  auto run = start("receive-first", {"action=report"});
  ASSERT_TRUE(run.read_until("deadlock: 4 tasks wait for each other"));
  const auto explained = runner_.mvm({"explain"});
  EXPECT_TRUE(holds(explained.output, "4 tasks can never go on")) << explained.output;
  const auto inspected = runner_.mvm({"inspect", "-o", "json"});
  const auto json = nlohmann::json::parse(inspected.output);
  EXPECT_EQ(json["state"], "RUNNING");
  EXPECT_EQ(json["deadlock"], true);
  EXPECT_EQ(json["tasks"][2]["waits_for"], "receive prev");
  run.send_signal(SIGINT);
  const auto done = run.finish();
  EXPECT_EQ(done.status.code, 130) << done.errors;
  const auto once = done.errors.find("deadlock:");
  EXPECT_EQ(done.errors.find("deadlock:", once + 1), std::string::npos) << "once";
  EXPECT_EQ(json_of("summary.json")["deadlocks"], 1);
}

TEST_F(DeadlockTest, IsNotLookedForWhereThePolicySaysSo) {
  auto run = start("receive-first", {"action=ignore"});
  EXPECT_FALSE(run.read_until("deadlock", std::chrono::seconds(3)));
  run.send_signal(SIGINT);
  EXPECT_EQ(run.finish().status.code, 130);
}

/// Each of these stands still for seconds, and goes on.
class NoDeadlock : public DeadlockTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tasks, NoDeadlock,
                         testing::Values("sleeps", "computes", "timed", "thread-computes", "child",
                                         "leaves", "token", "exchanges", "exchanges-by-hand",
                                         "broadcasts", "closes"),
                         [](const auto& chosen) {
                           std::string name = chosen.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(NoDeadlock, IsTakenForOne) {
  for (const char* machines : {"machines=1", "machines=2"}) {
    const auto done = act(GetParam(), {machines});
    EXPECT_EQ(done.status.code, 0) << done.errors;
    EXPECT_FALSE(holds(done.errors, "deadlock")) << done.errors;
  }
}

TEST_F(DeadlockTest, IsNotSeenInAnExchangeThroughEmulatedLatency) {
  const auto done = act("exchanges-by-hand", {"latency=700ms"});
  EXPECT_EQ(done.status.code, 0) << done.errors;
}

TEST_F(DeadlockTest, IsNotSeenInEmulatedLatency) {
  const auto done = act("sleeps", {"latency=1500ms"});
  EXPECT_EQ(done.status.code, 0) << done.errors;
}

/// Keeps every core busy while it lives.
class Load {
 public:
  Load() {
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
      threads_.emplace_back([this] {
        while (!done_) {
        }
      });
    }
  }
  ~Load() {
    done_ = true;
    for (auto& thread : threads_) thread.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  std::atomic<bool> done_ = false;
  std::vector<std::thread> threads_;
};

/// Correct programs while the host is busy: no false alarm in any run. MVM_RUNS runs in all; a few
/// by default.
TEST_F(DeadlockTest, IsNeverSeenInRunsUnderLoad) {
  const char* words = std::getenv("MVM_RUNS");
  const int runs = words == nullptr ? 6 : std::atoi(words);
  const Load load;
  const std::vector<std::vector<std::string>> rings = {
      {"machines=1"}, {"machines=2"}, {"latency=1ms"}, {"machines=2", "latency=1ms"}};
  const std::vector<std::pair<const char*, std::vector<std::string>>> examples = {
      {"consensus", {"tasks=8"}},          {"farm", {"workers=4", "width=150", "height=100"}},
      {"fft/fft.mvm.xml", {"tasks=4"}},    {"heat", {"side=2", "n=32", "steps=200"}},
      {"sort", {"tasks=4", "block=2000"}}, {"words", {}}};
  for (int run = 0; run < runs && !HasFailure(); ++run) {
    const auto turn = static_cast<std::size_t>(run / 2);
    if (run % 2 == 0) {
      const auto result =
          act(turn % 2 == 0 ? "exchanges" : "token", rings[turn / 2 % rings.size()]);
      EXPECT_EQ(result.status.code, 0) << "run " << run << ": " << result.errors;
    } else {
      const auto& [example, parameters] = examples[turn % examples.size()];
      const ExampleRun result(example, parameters);
      EXPECT_EQ(result.status(), 0) << "run " << run << ": " << result.errors();
    }
  }
}

TEST_F(DeadlockTest, CountsTheTimeThatAnExchangeWaits) {
  EXPECT_EQ(act("exchanges-by-hand").status.code, 0);
  const auto summary = json_of("summary.json");
  const auto& channels = summary["channels"];
  const auto late = std::ranges::find(channels, "cell[0].prev",
                                      [](const auto& channel) { return channel["from"]; });
  ASSERT_NE(late, channels.end()) << summary;
  EXPECT_GT((*late)["receiver_blocked_seconds"], 0.0) << *late;
}

TEST_F(DeadlockTest, CanBeWatched) {
  auto run = start("receive-first", {"action=ignore"});
  for (int i = 0; i < 300 && runner_.mvm({"inspect"}).status.code != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const auto watched = runner_.mvm({"top", "-n", "2", "-d", "0.2"});
  EXPECT_EQ(watched.status.code, 0) << watched.errors;
  EXPECT_TRUE(holds(watched.output, "cell[0].next")) << watched.output;
  EXPECT_TRUE(holds(watched.output, "queues: 8")) << watched.output;
  EXPECT_EQ(watched.output.find('\x1b'), std::string::npos) << "no terminal";
  const auto table = runner_.mvm({"inspect"});
  EXPECT_TRUE(holds(table.output, "receive prev")) << table.output;
  run.send_signal(SIGINT);
  EXPECT_EQ(run.finish().status.code, 130);
  const auto after = runner_.mvm({"inspect"});
  EXPECT_TRUE(holds(after.output, "CANCELLED")) << after.output;
  EXPECT_EQ(runner_.mvm({"top"}).status.code, 1);
}

}  // namespace
}  // namespace mvm::test
