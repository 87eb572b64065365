// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

class BuildTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(runner_.mvm({"init", "ring"}).status.code, 0); }

  ProgramRunner runner_;
};

TEST_F(BuildTest, BuildsOnceAndThenFindsIt) {
  const auto first = runner_.mvm({"build", "ring", "-o", "json"});
  ASSERT_EQ(first.status.code, 0) << first.errors;
  EXPECT_EQ(nlohmann::json::parse(first.output)["cached"], false);
  const auto second = nlohmann::json::parse(runner_.mvm({"build", "ring", "-o", "json"}).output);
  EXPECT_EQ(second["cached"], true);
  EXPECT_EQ(second["job"], "member");
  EXPECT_TRUE(std::filesystem::exists(second["program"].get<std::string>()));
  EXPECT_NE(runner_.mvm({"build", "ring"}).output.find("cached"), std::string::npos);
  EXPECT_EQ(runner_.mvm({"build", "-q", "ring"}).output, "");
}

TEST_F(BuildTest, ShowsTheCompilersOwnWords) {
  runner_.write("ring/member.cpp", "int main() { return not_declared; }\n");
  const auto done = runner_.mvm({"build", "ring"});
  EXPECT_EQ(done.status.code, 126);
  EXPECT_NE(done.errors.find("member.cpp:1:"), std::string::npos) << done.errors;
  EXPECT_NE(done.errors.find("not_declared"), std::string::npos) << done.errors;
  EXPECT_EQ(done.output, "");
}

}  // namespace
}  // namespace mvm::test
