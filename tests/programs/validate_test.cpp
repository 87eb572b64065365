// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

class ValidateTest : public testing::Test {
 protected:
  ProgramRunner runner_;
};

TEST_F(ValidateTest, SixMistakesAreSixLines) {
  runner_.write("a.cpp", "int main() {}");
  runner_.write("six.mvm.xml", R"(<?xml version="1.0"?>
<profile xmlns="urn:mvm:profile:1" name="six">
  <param name="side" type="int" default="99" min="1" max="9"/>
  <job name="cell" count="5"><source>missing.cpp</source></job>
  <job name="monitor"><source>a.cpp</source></job>
  <topology>
    <graph kind="tours" over="cell"/>
    <link from="cell.out" to="moniter.in"/>
  </topology>
  <queues>
    <queue on="nobody.in" capacity="4"/>
    <queue on="monitor.in" type="fancy"/>
  </queues>
</profile>
)");
  const auto done = runner_.mvm({"validate", "six.mvm.xml"});
  EXPECT_EQ(done.status.code, 1);
  EXPECT_EQ(done.output, "");
  EXPECT_EQ(std::ranges::count(done.errors, '\n'), 6) << done.errors;
  for (const int line : {3, 4, 7, 8, 11, 12}) {
    const std::regex wanted("(^|\n)six\\.mvm\\.xml:" + std::to_string(line) + ": [^\n]+\n");
    EXPECT_TRUE(std::regex_search(done.errors, wanted)) << line << "\n" << done.errors;
  }
}

TEST_F(ValidateTest, TellsWhatAValidProfileIs) {
  ASSERT_EQ(runner_.mvm({"init", "ring"}).status.code, 0);
  const auto done = runner_.mvm({"validate", "ring", "-p", "tasks=7"});
  EXPECT_EQ(done.status.code, 0);
  EXPECT_EQ(done.output, "ring: valid: 7 tasks of 1 jobs, 14 edges, 1 machines\n");
  EXPECT_EQ(runner_.mvm({"validate", "-q", "ring"}).output, "");
}

TEST_F(ValidateTest, RefusesParametersThatAreNotThereOrDoNotFit) {
  ASSERT_EQ(runner_.mvm({"init", "ring"}).status.code, 0);
  for (const std::string word : {"tasks=0", "tasks=many", "task=3", "=3", "tasks="}) {
    const auto done = runner_.mvm({"validate", "ring", "-p", word});
    EXPECT_EQ(done.status.code, 1) << word;
    EXPECT_NE(done.errors, "") << word;
  }
}

TEST_F(ValidateTest, FindsAProfileByFileOrFolder) {
  ASSERT_EQ(runner_.mvm({"init", "ring"}).status.code, 0);
  EXPECT_EQ(runner_.mvm({"validate", "ring"}).status.code, 0);
  EXPECT_EQ(runner_.mvm({"validate", "ring/"}).status.code, 0);
  EXPECT_EQ(runner_.mvm({"validate", "ring/ring.mvm.xml"}).status.code, 0);
  for (const std::string nowhere : {"rnig", "/dev/null", "ring/member.cpp", "/"}) {
    const auto done = runner_.mvm({"validate", nowhere});
    EXPECT_EQ(done.status.code, 1) << nowhere;
    EXPECT_NE(done.errors.find(nowhere), std::string::npos) << done.errors;
  }
}

}  // namespace
}  // namespace mvm::test
