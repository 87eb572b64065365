// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/run_directory.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <mvm/base/file.hpp>

#include "scratch_folder.hpp"

namespace mvm::run {
namespace {

namespace fs = std::filesystem;
using Stream = RunDirectory::Stream;

class RunDirectoryTest : public testing::Test {
 protected:
  RunDirectory make(const std::string& group = "hello-00000001") {
    auto made = RunDirectory::create(group, scratch_.path() / "runs");
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }
  static std::string content(const fs::path& file) { return read_file(file, 1_MiB).value_or("?"); }

  test::ScratchFolder scratch_;
};

TEST_F(RunDirectoryTest, KeepsWhatIsStoredAndLogged) {
  auto directory = make();
  EXPECT_TRUE(directory.path().is_absolute());
  ASSERT_TRUE(directory.store("plan.json", "{}"));
  directory.append_log("cell[3]", Stream::kOutput, "one\n");
  directory.append_log("cell[3]", Stream::kOutput, "two\n");
  directory.append_log("cell[3]", Stream::kErrors, "oh\n");
  directory.append_log("cell[4]", Stream::kOutput, "");
  EXPECT_EQ(content(directory.path() / "plan.json"), "{}");
  EXPECT_EQ(content(directory.path() / "log/cell.3.out"), "one\ntwo\n");
  EXPECT_EQ(content(directory.path() / "log/cell.3.err"), "oh\n");
  EXPECT_FALSE(fs::exists(directory.path() / "log/cell.4.out"));
  EXPECT_EQ(directory.log_error(), "");
}

TEST_F(RunDirectoryTest, LogsOfMoreTasksThanDescriptorsAreWhole) {
  auto directory = make();
  const std::size_t tasks = kMaxOpenLogs * 2;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < tasks; ++i) {
      directory.append_log(text("t[", i, "]"), Stream::kOutput, text(round, "\n"));
    }
  }
  for (std::size_t i = 0; i < tasks; ++i) {
    EXPECT_EQ(content(directory.path() / "log" / text("t.", i, ".out")), "0\n1\n");
  }
}

TEST_F(RunDirectoryTest, FinishLeavesTheSummaryAndWhatWasCollected) {
  auto directory = make();
  fs::create_directories(directory.work() / "cell.0/deep");
  fs::create_directories(directory.output() / "cell.0");
  GroupOutcome outcome;
  outcome.group = directory.group();
  outcome.state = GroupState::kCompleted;
  ASSERT_TRUE(directory.finish(outcome));
  EXPECT_FALSE(fs::exists(directory.work()));
  EXPECT_TRUE(fs::exists(directory.output() / "cell.0"));
  EXPECT_NE(content(directory.path() / "summary.json").find("COMPLETED"), std::string::npos);
  EXPECT_FALSE(fs::exists(directory.path() / "summary.json.new"));
}

TEST_F(RunDirectoryTest, FinishRemovesAnOutputFolderThatStayedEmpty) {
  auto directory = make();
  fs::create_directories(directory.output());
  ASSERT_TRUE(directory.finish({}));
  EXPECT_FALSE(fs::exists(directory.output()));
}

TEST_F(RunDirectoryTest, IsRunningUntilItIsFinished) {
  auto directory = make();
  fs::create_directories(directory.work());
  EXPECT_TRUE(is_running(directory.path()));
  EXPECT_FALSE(clear_lost_work(directory.path()).value());
  EXPECT_TRUE(fs::exists(directory.work()));
  ASSERT_TRUE(directory.finish({}));
  EXPECT_FALSE(is_running(directory.path()));
}

TEST_F(RunDirectoryTest, IsNotRunningOnceItsProcessWasKilled) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto directory = RunDirectory::create("hello-00000001", scratch_.path() / "runs");
    fs::create_directories(directory->work());
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto path = scratch_.path() / "runs/hello-00000001";
  EXPECT_FALSE(is_running(path));
  EXPECT_TRUE(clear_lost_work(path).value());
  EXPECT_FALSE(fs::exists(path / "work"));
}

TEST_F(RunDirectoryTest, RefusesToReuseAFolder) {
  const auto first = make();
  const auto second = RunDirectory::create("hello-00000001", scratch_.path() / "runs");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("hello-00000001: File exists"), std::string::npos);
}

TEST_F(RunDirectoryTest, RefusesNamesThatLeaveItsParent) {
  const auto made = RunDirectory::create("../escape", scratch_.path() / "runs");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kUsage);
}

TEST_F(RunDirectoryTest, RunsWithoutAStateFolder) {
  std::ofstream(scratch_.path() / "state") << "a file where the folder should be";
  auto directory = make();
  EXPECT_TRUE(directory.finish({}));
}

TEST_F(RunDirectoryTest, RemembersTheFirstLogThatCouldNotBeWritten) {
  auto directory = make();
  std::ofstream(directory.path() / "log") << "a file where the folder should be";
  directory.append_log("cell[3]", Stream::kOutput, "lost\n");
  directory.append_log("cell[4]", Stream::kOutput, "lost\n");
  EXPECT_NE(directory.log_error().find("the log of cell[3] is not complete"), std::string::npos);
  EXPECT_TRUE(directory.finish({}));
}

TEST(FileNameOf, HasNoBracketsAndNoSlash) {
  EXPECT_EQ(file_name_of("cell[3]"), "cell.3");
  EXPECT_EQ(file_name_of("../x[0]"), "...x.0");
  EXPECT_EQ(log_file_name("cell[3]", Stream::kErrors), "cell.3.err");
}

}  // namespace
}  // namespace mvm::run
