// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

const std::string kLongName(200, 'x');

class InitTest : public testing::Test {
 protected:
  ProgramRunner runner_;
};

TEST_F(InitTest, WritesAProfileThatIsValidFromEachTemplate) {
  for (const std::string name : {"ring", "pipeline", "farm"}) {
    const auto made = runner_.mvm({"init", "--template", name, name});
    EXPECT_EQ(made.status.code, 0) << made.errors;
    EXPECT_NE(made.output.find("created " + name + "/" + name + ".mvm.xml"), std::string::npos);
    const auto valid = runner_.mvm({"validate", name});
    EXPECT_EQ(valid.status.code, 0) << valid.errors;
  }
}

TEST_F(InitTest, NeverOverwrites) {
  runner_.write("ring/member.cpp", "mine");
  const auto made = runner_.mvm({"init", "ring"});
  EXPECT_EQ(made.status.code, 1);
  EXPECT_EQ(made.errors,
            "mvm init: ring/member.cpp is there already; name a new folder, or move the file "
            "away\n");
  EXPECT_EQ(runner_.read("ring/member.cpp"), "mine");
  EXPECT_FALSE(fs::exists(runner_.folder() / "ring/ring.mvm.xml"));
}

TEST_F(InitTest, MakesAProfileNameOfAnyFolderName) {
  for (const std::string& folder :
       std::vector<std::string>{"with blank", "7days", "-dash", "<&\">", "ümlaut", kLongName}) {
    const auto made = runner_.mvm({"init", "-q", "--", folder});
    ASSERT_EQ(made.status.code, 0) << folder << made.errors;
    EXPECT_EQ(made.output, "");
    const auto valid = runner_.mvm({"validate", "-q", "--", folder});
    EXPECT_EQ(valid.status.code, 0) << folder << ": " << valid.errors;
  }
}

TEST_F(InitTest, UsesTheCurrentFolderByDefault) {
  EXPECT_EQ(runner_.mvm({"init"}).status.code, 0);
  EXPECT_TRUE(fs::exists(runner_.folder() / "member.cpp"));
  EXPECT_EQ(runner_.mvm({"validate", "."}).status.code, 0);
}

}  // namespace
}  // namespace mvm::test
