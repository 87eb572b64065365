// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "program_runner.hpp"

namespace mvm::test {
namespace {

namespace fs = std::filesystem;

/// A finished group as its run directory shows it; no program has to run for that.
class LogsTest : public testing::Test {
 protected:
  void SetUp() override {
    add_group("ring-00000001");
    runner_.write("runs/ring-00000001/log/a.0.out", "one\ntwo\n");
    runner_.write("runs/ring-00000001/log/a.10.out", "ten\n");
    runner_.write("runs/ring-00000001/log/a.2.out", "no line end");
    runner_.write("runs/ring-00000001/log/b.0.err", "oh\n");
    runner_.write("runs/ring-00000001/log/stray", "?");
  }
  void add_group(const std::string& group) {
    runner_.write("runs/" + group + "/plan.json", "{}");
    fs::create_directories(runner_.folder() / "state/groups");
    fs::create_symlink(runner_.folder() / "runs" / group,
                       runner_.folder() / "state/groups" / group);
  }
  std::string logs(std::vector<std::string> words) const {
    words.insert(words.begin(), "logs");
    const auto done = runner_.mvm(words);
    EXPECT_EQ(done.status.code, 0) << done.errors;
    return done.output;
  }

  ProgramRunner runner_;
};

TEST_F(LogsTest, PrintsEveryTaskInOrder) {
  const std::string all = "a[0]: one\na[0]: two\na[2]: no line end\na[10]: ten\n";
  EXPECT_EQ(logs({}), all);
  EXPECT_EQ(logs({"ring-00000001"}), all);
  EXPECT_EQ(logs({"ring"}), all);
  EXPECT_EQ(logs({"runs/ring-00000001"}), all);
  EXPECT_EQ(logs({"ring", "a"}), all);
}

TEST_F(LogsTest, PrintsOneTaskAsItIs) {
  EXPECT_EQ(logs({"ring", "a[0]"}), "one\ntwo\n");
  EXPECT_EQ(logs({"a[2]"}), "no line end");
  EXPECT_EQ(logs({"--err", "b[0]"}), "oh\n");
  EXPECT_EQ(logs({"ring", "--err"}), "b[0]: oh\n");
}

TEST_F(LogsTest, FollowingAGroupThatHasEndedEnds) {
  EXPECT_EQ(logs({"-f", "a[0]"}), "one\ntwo\n");
}

TEST_F(LogsTest, TellsWhatIsNotThere) {
  const auto group = runner_.mvm({"logs", "rnig-00000001"});
  EXPECT_EQ(group.status.code, 1);
  EXPECT_NE(group.errors.find("did you mean 'ring-00000001'"), std::string::npos) << group.errors;
  const auto task = runner_.mvm({"logs", "ring", "a[1]"});
  EXPECT_EQ(task.status.code, 1);
  EXPECT_NE(task.errors.find("has no output of 'a[1]'"), std::string::npos) << task.errors;
}

TEST_F(LogsTest, ListTellsThatAKilledRunIsLost) {
  const auto line = nlohmann::json::parse(runner_.mvm({"list", "-o", "json"}).output);
  EXPECT_EQ(line["group"], "ring-00000001");
  EXPECT_EQ(line["state"], "LOST");
  EXPECT_EQ(line["exit_status"], nullptr);
  EXPECT_EQ(runner_.mvm({"list", "-q"}).output, "ring-00000001\n");
  EXPECT_NE(runner_.mvm({"list"}).output.find("LOST"), std::string::npos);
}

}  // namespace
}  // namespace mvm::test
