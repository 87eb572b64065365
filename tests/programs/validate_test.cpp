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

TEST_F(ValidateTest, MistakesOfTextTopologyAndRulesAreToldTogether) {
  runner_.write("a.cpp", "int main() {}");
  runner_.write("mixed.mvm.xml", R"(<profile xmlns="urn:mvm:profile:1" name="mixed">
  <job name="cell" count="5"><source>missing.cpp</source></job>
  <job name="monitor"><source>a.cpp</source><build optimise="3"/></job>
  <topology>
    <graph kind="torus" over="cell" dims="2 2"/>
    <link from="cell.out" to="monitor.in" spread="shared"/>
  </topology>
  <queues>
    <queue on="monitor.inn" capacity="4"/>
    <queue on="monitor.in" capacity="4"/>
    <queue on="monitor.in" capacity="5"/>
  </queues>
  <cluster><machines kind="vm"/></cluster>
</profile>
)");
  const auto done = runner_.mvm({"validate", "mixed.mvm.xml"});
  EXPECT_EQ(done.status.code, 1);
  std::vector<int> lines;
  const std::regex place("mixed\\.mvm\\.xml:([0-9]+): ");
  for (std::sregex_iterator match(done.errors.begin(), done.errors.end(), place), end; match != end;
       ++match) {
    const auto before = done.errors.find_last_of('\n', static_cast<std::size_t>(match->position()));
    const auto start = before == std::string::npos ? 0 : before + 1;
    if (static_cast<std::size_t>(match->position()) == start)
      lines.push_back(std::stoi((*match)[1]));
  }
  EXPECT_EQ(lines, (std::vector<int>{2, 3, 5, 9, 11, 13})) << done.errors;
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
