// SPDX-License-Identifier: GPL-3.0-or-later

/// Programs outside of a group at its open ports: `mvm enqueue` and `mvm dequeue` as users and
/// scripts call them.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <mvm/base/text.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

using Lines = std::vector<std::string>;
constexpr auto kPatience = std::chrono::minutes(2);

/// Workers that are plain programs, between two open ports.
constexpr const char* kService = R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="lab">
  <param name="workers" type="int" default="1"/>
  <param name="work" type="string" default="cat"/>
  <param name="format" type="string" default="lines"/>
  <param name="capacity" type="int" default="64"/>
  <param name="machines" type="int" default="1"/>
  <param name="codec" type="string" default="raw"/>
  <param name="linger" type="string" default="10s"/>
  <job name="worker" count="${workers}">
    <command stdin="in" stdout="out" format="${format}">${work}</command>
  </job>
  <topology>
    <open port="jobs" to="worker.in" spread="shared"/>
    <open port="results" from="worker.out" linger="${linger}"/>
  </topology>
  <queues>
    <queue on="*.*" capacity="${capacity}" codec="${codec}"/>
  </queues>
  <cluster><machines count="${machines}"/></cluster>
</profile>
)";

Lines lines_of(const std::string& words) {
  Lines lines;
  std::istringstream stream(words);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::set<int> numbers_of(const Lines& lines) {
  std::set<int> numbers;
  for (const auto& line : lines) numbers.insert(std::stoi(line));
  return numbers;
}

std::set<int> numbers_to(int last) {
  std::set<int> numbers;
  for (int i = 1; i <= last; ++i) numbers.insert(i);
  return numbers;
}

class OutsideTest : public testing::Test {
 protected:
  OutsideTest() {
    runner_.write("lab/lab.mvm.xml", kService);
    runner_.set_environment("MVM=" + ProgramRunner::mvm_program().string());
  }

  /// The service, once its ports are there.
  RunningProgram start(const std::vector<std::string>& parameters = {}) {
    std::vector<std::string> words = {"run", "lab", "-o", "json"};
    for (const auto& parameter : parameters) {
      words.push_back("-p");
      words.push_back(parameter);
    }
    auto group = runner_.start_mvm(words);
    EXPECT_TRUE(group.read_until("RUNNING", kPatience)) << group.errors();
    return group;
  }

  /// A line for the shell, in which $MVM is the program.
  Completed shell(const std::string& line) {
    return runner_.run({"/bin/sh", "-c", line}, kPatience);
  }

  void expect_success(const Completed& done) {
    EXPECT_FALSE(done.timed_out);
    EXPECT_EQ(done.status.shell_status(), 0) << done.output << done.errors;
  }

  nlohmann::json summary() {
    for (const auto& run : std::filesystem::directory_iterator(runner_.folder() / "mvm-runs")) {
      return nlohmann::json::parse(runner_.read(run.path() / "summary.json"));
    }
    ADD_FAILURE() << "there is no run directory";
    return {};
  }

  /// Every message was received: nothing dropped, left or lost; and no sum is off.
  void expect_all_received() {
    const auto told = summary();
    for (const auto& channel : told.at("channels")) {
      EXPECT_EQ(channel.at("enqueued"), channel.at("dequeued")) << channel.dump();
    }
  }

  /// What `mvm run` says when it stays for those who dequeue.
  static nlohmann::json waiting_port(RunningProgram& group) {
    EXPECT_TRUE(group.read_until("waiting_port", kPatience)) << group.output() << group.errors();
    for (const auto& line : lines_of(group.output())) {
      if (line.find("waiting_port") != std::string::npos) return nlohmann::json::parse(line);
    }
    return {};
  }

  std::uint64_t left_at(const std::string& port) {
    std::uint64_t left = 0;
    const auto told = summary();
    for (const auto& channel : told.at("channels")) {
      if (channel.at("to") == port) left += channel.at("left").get<std::uint64_t>();
    }
    return left;
  }

  ProgramRunner runner_;
};

TEST_F(OutsideTest, AMillionLinesGoThroughEightWorkersAndBack) {
  auto group = start({"workers=8"});
  expect_success(
      shell("$MVM dequeue lab results >out & "
            "seq 1000000 | $MVM enqueue lab jobs --end || exit 1; "
            "wait $! || exit 1; sort -n out >sorted; seq 1000000 | cmp - sorted"));
  expect_success(group.finish());
  expect_all_received();
}

TEST_F(OutsideTest, SeveralMachinesAreOneGroup) {
  auto group = start({"workers=4", "machines=2"});
  expect_success(
      shell("$MVM dequeue lab results >out & "
            "seq 20000 | $MVM enqueue lab jobs --end || exit 1; "
            "wait $! || exit 1; sort -n out >sorted; seq 20000 | cmp - sorted"));
  expect_success(group.finish());
  expect_all_received();
}

TEST_F(OutsideTest, CodecsAreNoMatterOutside) {
  auto group = start({"codec=lz4 crc32c"});
  expect_success(
      shell("$MVM dequeue lab results >out & "
            "seq 2000 | $MVM enqueue lab jobs --end || exit 1; "
            "wait $! || exit 1; seq 2000 | cmp - out"));
  expect_success(group.finish());
}

TEST_F(OutsideTest, EnqueuersComeAndGoUntilOneEndsThePort) {
  auto group = start();
  expect_success(shell("$MVM enqueue lab jobs </dev/null"));
  expect_success(shell("printf 'a\\nb' | $MVM enqueue lab jobs"));
  expect_success(shell("printf 'c\\n\\n' >one; printf 'd' >two; $MVM enqueue lab jobs one two"));
  const auto some = shell("$MVM dequeue lab results --count 3");
  EXPECT_EQ(some.output, "a\nb\nc\n") << "a last line counts without its newline, too";
  EXPECT_EQ(shell("$MVM dequeue lab results --count 2").output, "\nd\n");
  expect_success(shell("$MVM enqueue lab jobs --end </dev/null"));
  expect_success(group.finish());
}

TEST_F(OutsideTest, FramesCarryAnyBytes) {
  auto group = start({"format=frames"});
  runner_.write("make.py", R"(
import os, struct, sys
out = open("sent", "wb")
for size in [0, 1, 47, 48, 49, 4096, 65536, 300000, 5000000]:
    out.write(struct.pack("<I", size) + os.urandom(size))
)");
  expect_success(
      shell("python3 make.py && "
            "($MVM dequeue lab results got --format frames & "
            "$MVM enqueue lab jobs sent --format frames --end || exit 1; wait $!) && "
            "cmp sent got"));
  expect_success(group.finish());
}

TEST_F(OutsideTest, RawBytesGoInPieces) {
  auto group = start({"format=frames"});
  expect_success(
      shell("head -c 1000003 /dev/urandom >sent && "
            "($MVM dequeue lab results got --format raw & "
            "$MVM enqueue lab jobs sent --format raw --size 64KiB --end || exit 1; "
            "wait $!) && cmp sent got"));
  expect_success(group.finish());
}

TEST_F(OutsideTest, PythonTakesPart) {
  auto group =
      start({"work=python3 -uc 'import sys\nfor line in sys.stdin: print(int(line) ** 2)'"});
  const auto done = shell(
      "seq 5 | $MVM enqueue lab jobs && $MVM dequeue lab results -n 5 && "
      "$MVM enqueue lab jobs --end </dev/null");
  EXPECT_EQ(done.output, "1\n4\n9\n16\n25\n") << done.errors;
  expect_success(group.finish());
}

TEST_F(OutsideTest, TheServiceOfTheExamplesAnswers) {
  auto group =
      runner_.start_mvm({"run", MVM_SOURCE_DIR "/examples/plain/service.mvm.xml", "-o", "json"});
  ASSERT_TRUE(group.read_until("RUNNING", kPatience)) << group.errors();
  const auto done = shell(
      "seq 100000000001 100000000100 | $MVM enqueue service numbers && "
      "$MVM dequeue service factors -n 100 | sort -n | head -n 2; "
      "$MVM enqueue service numbers --end </dev/null");
  EXPECT_EQ(done.output, "100000000001: 11 11 23 4093 8779\n100000000002: 2 3 7 1543 1543067\n");
  expect_success(group.finish());
}

/// The messages that it had handed over are there, each whole; the rest was never sent.
TEST_F(OutsideTest, AKilledEnqueuerLosesOnlyWhatItHadNotHandedOver) {
  auto group = start();
  const auto done = shell(
      "mkfifo pipe; $MVM enqueue lab jobs pipe & exec 3>pipe; "
      "seq 1000 >&3; printf 'no line end' >&3; "
      "$MVM dequeue lab results -n 1000; kill -9 $!; wait $!; exec 3>&-; "
      "echo 1001 | $MVM enqueue lab jobs; $MVM dequeue lab results -n 1; "
      "$MVM enqueue lab jobs --end </dev/null");
  const auto lines = lines_of(done.output);
  EXPECT_EQ(lines.size(), 1001u) << done.errors;
  EXPECT_EQ(numbers_of(lines), numbers_to(1001));
  expect_success(group.finish());
  expect_all_received();
}

TEST_F(OutsideTest, AnInterruptedDequeuerLosesAndDoublesNothing) {
  constexpr int kCount = 50'000;
  auto group = start();
  std::string numbers;
  for (int i = 1; i <= kCount; ++i) numbers += text(i, '\n');
  runner_.write("numbers", numbers);
  auto enqueuer = runner_.start_mvm({"enqueue", "lab", "jobs", "--end", "numbers"});
  auto first = runner_.start_mvm({"dequeue", "lab", "results"});
  ASSERT_TRUE(first.read_until("\n1000\n")) << first.errors();
  first.send_signal(SIGINT);
  const auto interrupted = first.finish();
  EXPECT_EQ(interrupted.status.code, 130);
  const auto second = runner_.mvm({"dequeue", "lab", "results"});
  expect_success(second);
  EXPECT_EQ(interrupted.output + second.output, numbers);
  expect_success(enqueuer.finish());
  expect_success(group.finish());
  expect_all_received();
}

TEST_F(OutsideTest, WhatAKilledDequeuerDidNotWriteGoesToTheNext) {
  auto group = start();
  const auto done = shell(
      "seq 20000 >numbers; $MVM enqueue lab jobs --end numbers & "
      "mkfifo pipe; $MVM dequeue lab results pipe & "
      "exec 3<pipe; head -c 1000 <&3 >first; kill -9 $!; wait $!; cat <&3 >>first; "
      "$MVM dequeue lab results >second; cat first second");
  EXPECT_EQ(numbers_of(lines_of(done.output)), numbers_to(20000)) << done.errors;
  EXPECT_GT(lines_of(runner_.read("first")).size(), 0u);
  EXPECT_GT(lines_of(runner_.read("second")).size(), 0u);
  expect_success(group.finish());
  expect_all_received();
}

TEST_F(OutsideTest, QueuesFillUpToAProgramThatDoesNotRead) {
  auto group = start({"capacity=4", "work=sed -u s/x/y/"});
  const auto done = shell(
      "mkfifo pipe; $MVM dequeue lab results pipe & exec 3<pipe; "
      "seq -f %01000g 8000 | $MVM enqueue lab jobs --end & sender=$!; "
      "head -n 1 <&3 >/dev/null; kill -0 $sender || exit 1; "
      "cat <&3 >rest; wait");
  expect_success(done);
  expect_success(group.finish());
  for (const auto& channel : summary().at("channels")) {
    EXPECT_LE(channel.at("high_water").get<int>(), 4) << channel.dump();
  }
}

TEST_F(OutsideTest, ALateDequeuerGetsWhatEndedTasksHadSent) {
  for (const auto* machines : {"1", "3"}) {
    SCOPED_TRACE(machines);
    auto group = start({"linger=1h", "workers=4", text("machines=", machines)});
    expect_success(shell("seq 40 | $MVM enqueue lab jobs --end"));
    const auto told = waiting_port(group);
    EXPECT_EQ(told.at("port"), "results");
    EXPECT_EQ(told.at("messages"), 40);
    EXPECT_EQ(told.at("linger_seconds"), 3600.0);
    const auto live = nlohmann::json::parse(shell("$MVM inspect lab -o json").output);
    EXPECT_EQ(live.at("state"), "LINGERING");
    const auto why = shell("$MVM explain lab");
    EXPECT_NE(why.output.find(": LINGERING\n"), std::string::npos) << why.output;
    EXPECT_NE(why.output.find("the group stays for what port 'results' holds"), std::string::npos)
        << why.output;
    for (const auto& task : live.at("tasks")) EXPECT_EQ(task.at("condition"), "ended");

    const auto late = shell("$MVM dequeue lab results");
    expect_success(late);
    EXPECT_EQ(numbers_of(lines_of(late.output)), numbers_to(40));
    EXPECT_EQ(lines_of(late.output).size(), 40u);
    expect_success(group.finish());
    expect_all_received();
    std::filesystem::remove_all(runner_.folder() / "mvm-runs");
  }
}

TEST_F(OutsideTest, ALingeringGroupServesOneAfterTheOther) {
  auto group = start({"linger=1h"});
  expect_success(shell("seq 40 | $MVM enqueue lab jobs --end"));
  (void)waiting_port(group);
  EXPECT_EQ(shell("$MVM enqueue lab jobs </dev/null").status.code, 1);
  EXPECT_EQ(shell("$MVM dequeue lab jobs").status.code, 1);
  const auto done = shell(
      "$MVM dequeue lab results -n 1; $MVM dequeue lab results -n 9; "
      "$MVM inspect lab >/dev/null || exit 1; $MVM dequeue lab results");
  expect_success(done);
  EXPECT_EQ(lines_of(done.output), lines_of(shell("seq 40").output));
  expect_success(group.finish());
  expect_all_received();
}

TEST_F(OutsideTest, TheCommandThatALingeringGroupNamesTakesItsMessages) {
  runner_.write("lab/lab.mvm.xml", R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="lab">
  <job name="counter"><command stdout="out">seq 5</command></job>
  <topology><open port="numbers" from="counter.out" linger="1h"/></topology>
</profile>
)");
  auto group = runner_.start_mvm({"run", "lab"});
  ASSERT_TRUE(group.read_until(" numbers\n", kPatience)) << group.errors();
  const auto words = group.errors();
  EXPECT_NE(
      words.find(": all tasks have ended; port 'numbers' holds 5 messages for another 60 min: "),
      std::string::npos)
      << words;
  const auto command = words.find(": mvm dequeue ") + 2;
  const auto late =
      shell("$MVM" + words.substr(command + 3, words.find('\n', command) - command - 3));
  EXPECT_EQ(late.output, "1\n2\n3\n4\n5\n") << words << late.errors;
  expect_success(group.finish());
}

TEST_F(OutsideTest, AGroupLingersNoLongerThanItsProfileSays) {
  for (const auto* linger : {"0s", "50ms"}) {
    SCOPED_TRACE(linger);
    auto group = start({text("linger=", linger)});
    expect_success(shell("seq 40 | $MVM enqueue lab jobs --end"));
    const auto done = group.finish();
    expect_success(done);
    EXPECT_EQ(done.output.find("waiting_port") == std::string::npos, linger[0] == '0');
    EXPECT_EQ(summary().at("state"), "COMPLETED");
    EXPECT_EQ(left_at("outside.results"), 40u);
    std::filesystem::remove_all(runner_.folder() / "mvm-runs");
  }
}

TEST_F(OutsideTest, AnInterruptEndsTheLingeringOfAGroupThatHasEndedWell) {
  for (const int signal : {SIGINT, SIGTERM}) {
    SCOPED_TRACE(signal);
    auto group = start({"linger=1h"});
    expect_success(shell("seq 40 | $MVM enqueue lab jobs --end"));
    (void)waiting_port(group);
    EXPECT_EQ(lines_of(shell("$MVM dequeue lab results -n 4").output).size(), 4u);
    group.send_signal(signal);
    expect_success(group.finish());
    EXPECT_EQ(summary().at("state"), "COMPLETED");
    EXPECT_EQ(left_at("outside.results"), 36u);
    std::filesystem::remove_all(runner_.folder() / "mvm-runs");
  }
}

/// The pause can be too short to see a group that ends too early, never too long for one that
/// stays.
TEST_F(OutsideTest, AConnectedDequeuerIsWaitedForBeyondTheTimeToLinger) {
  auto group = start({"linger=10ms"});
  const auto done = shell(
      "$MVM dequeue lab results >out & reader=$!; echo 0 | $MVM enqueue lab jobs; "
      "until [ -s out ]; do sleep 0.01; done; kill -STOP $reader; "
      "seq 40 | $MVM enqueue lab jobs --end; sleep 0.5; kill -CONT $reader; wait $reader");
  expect_success(done);
  EXPECT_EQ(lines_of(runner_.read("out")).size(), 41u);
  expect_success(group.finish());
  expect_all_received();
}

TEST_F(OutsideTest, WhatAKilledDequeuerOfALingeringGroupDidNotWriteGoesToTheNext) {
  auto group = start({"linger=1h"});
  expect_success(shell("seq -f %03000.0f 40 | $MVM enqueue lab jobs --end"));
  (void)waiting_port(group);
  // More than a pipe holds, so that it is killed in the middle of its work.
  const auto done = shell(
      "mkfifo pipe; $MVM dequeue lab results pipe & exec 3<pipe; head -c 6002 <&3 >first; "
      "kill -9 $!; wait $!; cat <&3 >>first; $MVM dequeue lab results >second; cat first second");
  std::set<int> numbers;
  for (const auto& line : lines_of(done.output)) {
    if (line.size() == 3000) numbers.insert(std::stoi(line.substr(2990)));
  }
  EXPECT_EQ(numbers, numbers_to(40)) << done.errors;
  EXPECT_GT(lines_of(runner_.read("second")).size(), 0u);
  expect_success(group.finish());
  expect_all_received();
}

TEST_F(OutsideTest, NothingStaysOfALingeringGroupWhoseStarterIsKilled) {
  auto group = start({"linger=1h", "machines=2", "workers=2"});
  expect_success(shell("seq 40 | $MVM enqueue lab jobs --end"));
  (void)waiting_port(group);
  const auto done = shell(text(
      "kids=$(pgrep -P ", group.pid(), "); [ $(echo $kids | wc -w) = 2 ] || exit 1; kill -9 ",
      group.pid(),
      "; for kid in $kids; do "
      "while tr -d '\\0' </proc/$kid/cmdline 2>/dev/null | grep -q .; do sleep 0.05; done; done"));
  expect_success(done);
  EXPECT_EQ(shell("$MVM dequeue lab results").status.code, 1);
}

TEST_F(OutsideTest, OnlyAGroupThatEndsWellLingers) {
  {
    auto group = start({"linger=1h", "work=cat; exit 7"});
    expect_success(shell("seq 40 | $MVM enqueue lab jobs --end"));
    EXPECT_EQ(group.finish(kPatience).status.code, 7);
    EXPECT_EQ(left_at("outside.results"), 40u);
    std::filesystem::remove_all(runner_.folder() / "mvm-runs");
  }
  auto group = start({"linger=1h"});
  expect_success(shell("seq 40 | $MVM enqueue lab jobs"));
  group.send_signal(SIGINT);
  EXPECT_EQ(group.finish(kPatience).status.code, 130);
  EXPECT_EQ(summary().at("state"), "CANCELLED");
}

TEST_F(OutsideTest, WhatCannotBeIsRefusedWithWords) {
  const auto before = shell("$MVM enqueue lab jobs </dev/null");
  EXPECT_EQ(before.status.code, 1);
  auto group = start();
  const auto unknown = shell("$MVM enqueue lab job </dev/null");
  EXPECT_EQ(unknown.status.code, 1);
  EXPECT_NE(unknown.errors.find("no open port 'job'"), std::string::npos) << unknown.errors;
  const auto wrong_way = shell("$MVM dequeue lab jobs");
  EXPECT_EQ(wrong_way.status.code, 1);
  EXPECT_NE(wrong_way.errors.find("'jobs' leads into the group"), std::string::npos)
      << wrong_way.errors;
  EXPECT_EQ(shell("$MVM enqueue lab jobs --format raw </dev/null").status.code, 2);
  EXPECT_EQ(shell("$MVM enqueue lab jobs --size 4 </dev/null").status.code, 2);
  EXPECT_EQ(shell("$MVM enqueue lab jobs --format line </dev/null").status.code, 2);
  const auto torn = shell("printf '\\5\\0\\0\\0abc' | $MVM enqueue lab jobs --format frames");
  EXPECT_EQ(torn.status.code, 1);
  EXPECT_NE(torn.errors.find("ended inside frame 1"), std::string::npos) << torn.errors;
  EXPECT_NE(torn.errors.find("0 messages were taken"), std::string::npos) << torn.errors;
  const auto half =
      shell("printf '\\1\\0\\0\\0007\\5\\0\\0\\0abc' | $MVM enqueue lab jobs --format frames");
  EXPECT_NE(half.errors.find("frame 2"), std::string::npos) << half.errors;
  EXPECT_NE(half.errors.find("1 message was taken"), std::string::npos) << half.errors;
  const auto lines = shell("echo 'no frames' | $MVM enqueue lab jobs --format frames");
  EXPECT_NE(lines.errors.find("does it hold frames?"), std::string::npos) << lines.errors;
  EXPECT_EQ(shell("$MVM enqueue lab jobs no-such-file").status.code, 1);

  expect_success(shell("$MVM enqueue lab jobs --end </dev/null"));
  const auto few = shell("$MVM dequeue lab results -n 3");
  EXPECT_EQ(few.status.code, 1);
  expect_success(group.finish());
  const auto after = shell("$MVM dequeue lab results");
  EXPECT_EQ(after.status.code, 1);
  EXPECT_NE(after.errors.find("COMPLETED"), std::string::npos) << after.errors;
}

TEST_F(OutsideTest, AGroupThatFailsTellsThoseAtItsPorts) {
  auto group =
      start({"workers=2", "work=while read line; do [ $line = bad ] && exit 7; echo $line; done"});
  auto dequeuer = runner_.start_mvm({"dequeue", "lab", "results"});
  expect_success(shell("echo first | $MVM enqueue lab jobs"));
  ASSERT_TRUE(dequeuer.read_until("first\n")) << dequeuer.errors();
  // Whether it hears of its success before the group is gone is a matter of chance.
  (void)shell("echo bad | $MVM enqueue lab jobs");
  const auto done = dequeuer.finish();
  EXPECT_EQ(done.status.code, 1);
  EXPECT_NE(done.errors.find("] exited with 7"), std::string::npos) << done.errors;
  EXPECT_EQ(group.finish().status.code, 7);
}

TEST_F(OutsideTest, AGroupWithoutOpenPortsSaysHowToOpenOne) {
  runner_.write("lab/lab.mvm.xml", R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="lab">
  <job name="idle"><command>sleep 100</command></job>
</profile>
)");
  auto group = start();
  const auto refused = shell("$MVM enqueue lab jobs </dev/null");
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_NE(refused.errors.find("<open port="), std::string::npos) << refused.errors;
}

}  // namespace
}  // namespace mvm::test
