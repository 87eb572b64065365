// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

class GraphTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(runner_.mvm({"init", "ring"}).status.code, 0); }

  ProgramRunner runner_;
};

TEST_F(GraphTest, IsDotOnStandardOutput) {
  const auto done = runner_.mvm({"graph", "ring"});
  EXPECT_EQ(done.status.code, 0) << done.errors;
  EXPECT_NE(done.output.find("graph"), std::string::npos);
  EXPECT_NE(done.output.find("member[3]"), std::string::npos);
}

TEST_F(GraphTest, WhatIsNoProfileMayBeAGroup) {
  const auto done = runner_.mvm({"graph", "rong"});
  EXPECT_EQ(done.status.code, 1);
  EXPECT_NE(done.errors.find("no profile 'rong' is there, and "), std::string::npos) << done.errors;
}

TEST_F(GraphTest, EndingChoosesTheForm) {
  const auto begins_with = [this](const std::string& file, const std::string& mark) {
    const auto done = runner_.mvm({"graph", "ring", "-o", file});
    EXPECT_EQ(done.status.code, 0) << done.errors;
    EXPECT_EQ(done.output, "");
    return runner_.read(file).substr(0, 200).find(mark) != std::string::npos;
  };
  EXPECT_TRUE(begins_with("ring.dot", "graph"));
  EXPECT_TRUE(begins_with("ring.gv", "graph"));
  EXPECT_TRUE(begins_with("ring.svg", "<svg") || begins_with("ring.svg", "<?xml"));
  EXPECT_TRUE(begins_with("ring.png", "\x89PNG"));
  EXPECT_EQ(runner_.mvm({"graph", "ring", "-o", "ring.gif"}).status.code, 2);
  EXPECT_EQ(runner_.mvm({"graph", "ring", "-o", "ring"}).status.code, 2);
}

TEST_F(GraphTest, WithoutDotSaysHowToGetIt) {
  runner_.set_environment("PATH=/nowhere");
  const auto done = runner_.mvm({"graph", "ring", "-o", "ring.svg"});
  EXPECT_EQ(done.status.code, 1);
  EXPECT_NE(done.errors.find("apt install graphviz"), std::string::npos) << done.errors;
  EXPECT_FALSE(fs::exists(runner_.folder() / "ring.svg"));
  EXPECT_EQ(runner_.mvm({"graph", "ring"}).status.code, 0);
}

TEST_F(GraphTest, UnwritablePlacesAreNamed) {
  for (const std::string file : {"nowhere/ring.svg", "nowhere/ring.dot"}) {
    const auto done = runner_.mvm({"graph", "ring", "-o", file});
    EXPECT_EQ(done.status.code, 1);
    EXPECT_NE(done.errors.find("nowhere/ring."), std::string::npos) << done.errors;
  }
}

}  // namespace
}  // namespace mvm::test
