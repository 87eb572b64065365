// SPDX-License-Identifier: GPL-3.0-or-later

/// Jobs that are plain programs: <command>.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

class CommandTest : public testing::Test {
 protected:
  /// Runs a profile of these elements.
  Completed run(const std::string& elements) {
    runner_.write("lab/lab.mvm.xml",
                  R"(<?xml version="1.0"?><profile xmlns="urn:mvm:profile:1" name="lab">)" +
                      elements + "</profile>");
    auto done = runner_.mvm({"run", "lab", "--quiet"});
    EXPECT_FALSE(done.timed_out);
    return done;
  }

  ProgramRunner runner_;
};

/// `first` sends to `second` by a pipeline.
std::string pipeline(const std::string& first, const std::string& second) {
  return R"(<job name="first"><command stdout="out">)" + first +
         R"(</command></job><job name="second"><command stdin="in">)" + second +
         R"(</command></job><topology><link from="first.out" to="second.in"/></topology>)";
}

TEST_F(CommandTest, ProgramsOfAnyLanguageMakeAPipeline) {
  const auto done = run(R"(
    <job name="source"><command stdout="out">seq 1 100</command></job>
    <job name="square" count="3">
      <command stdin="in" stdout="out">awk '{ print $1 * $1 }'</command>
    </job>
    <job name="sum"><command stdin="in">python3 -c 'import sys
print("sum", sum(int(line) for line in sys.stdin))'</command></job>
    <topology>
      <link from="source.out" to="square.in" spread="shared"/>
      <link from="square.out" to="sum.in" spread="shared"/>
    </topology>)");
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_EQ(done.output, "sum[0]: sum 338350\n");
}

TEST_F(CommandTest, ArgumentsAndPlaceReachTheProgram) {
  const auto done = run(R"(
    <job name="echo" count="2"><command>echo "$0 has $# of $1, $2: $MVM_INDEX of $MVM_COUNT"</command>
    <arg>two words</arg><arg>${index * 10}</arg></job>)");
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_NE(done.output.find("echo[0]: echo[0] has 2 of two words, 0: 0 of 2\n"), std::string::npos)
      << done.output;
  EXPECT_NE(done.output.find("echo[1]: echo[1] has 2 of two words, 10: 1 of 2\n"),
            std::string::npos)
      << done.output;
}

TEST_F(CommandTest, ItsEndIsTheTasksEnd) {
  EXPECT_EQ(run(R"(<job name="a"><command>exit 7</command></job>)").status.code, 7);
  EXPECT_EQ(run(R"(<job name="a"><command>kill -KILL $$</command></job>)").status.code, 137);
  EXPECT_EQ(run(R"(<job name="a"><command>no-such-program</command></job>)").status.code, 127);
}

TEST_F(CommandTest, ErrorsAreTheTasksErrors) {
  const auto done = run(R"(<job name="a"><command>echo oops >&amp;2</command></job>)");
  EXPECT_NE(done.errors.find("a[0]: oops"), std::string::npos) << done.errors;
}

TEST_F(CommandTest, ALastLineWithoutNewlineCounts) {
  EXPECT_EQ(run(pipeline("printf 'a\\nb'", "cat")).output, "second[0]: a\nsecond[0]: b\n");
}

TEST_F(CommandTest, ItMayEndBeforeItsInput) {
  const auto done = run(pipeline("seq 10", "head -n 1"));
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_EQ(done.output, "second[0]: 1\n");
}

/// As in a shell's pipeline, where the writer gets a SIGPIPE: it fell with its neighbour.
TEST_F(CommandTest, AWriterWhomNobodyReadsFallsWithItsReader) {
  const auto done = run(pipeline("yes", "head -n 3"));
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_EQ(done.output, "second[0]: y\nsecond[0]: y\nsecond[0]: y\n");
}

TEST_F(CommandTest, WhatItLeavesInTheBackgroundEndsWithIt) {
  const auto done = run(pipeline("sleep 1000 &amp; echo sent", "cat; sleep 1000 &amp;"));
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_EQ(done.output, "second[0]: sent\n");
}

TEST_F(CommandTest, ATornFrameIsAnError) {
  const auto done = run(
      R"(<job name="a"><command stdout="out" format="frames">printf '\5\0\0\0abc'</command></job>
         <job name="b"><command stdin="in">cat</command></job>
         <topology><link from="a.out" to="b.in"/></topology>)");
  EXPECT_EQ(done.status.code, 1);
  EXPECT_NE(done.errors.find("ended inside frame 1"), std::string::npos) << done.errors;
}

TEST_F(CommandTest, APortThatIsNotThereIsNamed) {
  const auto done = run(
      R"(<job name="a"><command stdout="uot">echo</command></job>
         <job name="b"><command stdin="in">cat</command></job>
         <topology><link from="a.out" to="b.in"/></topology>)");
  EXPECT_NE(done.status.code, 0);
  EXPECT_NE(done.errors.find("uot"), std::string::npos) << done.errors;
}

}  // namespace
}  // namespace mvm::test
