// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/known_group.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mvm/base/file.hpp>
#include <mvm/run/run_directory.hpp>

#include "scratch_folder.hpp"

namespace mvm::run {
namespace {

namespace fs = std::filesystem;

class KnownGroupTest : public testing::Test {
 protected:
  RunDirectory start(const std::string& group) {
    auto made = RunDirectory::create(group, scratch_.path() / "runs");
    EXPECT_TRUE(made) << made.error().message;
    // Entries made within one tick of the file system's clock would have no order.
    const auto entry = state_folder() / "groups" / group;
    const timespec times[2] = {{}, {.tv_sec = ++second_, .tv_nsec = 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, entry.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
    return std::move(*made);
  }
  void run(const std::string& group, GroupState state, int exit_status) {
    auto directory = start(group);
    GroupOutcome outcome{.group = group, .state = state, .exit_status = exit_status};
    outcome.cause = "because";
    EXPECT_TRUE(directory.finish(outcome));
  }

  test::ScratchFolder scratch_;
  time_t second_ = 1'000'000'000;
};

TEST_F(KnownGroupTest, ListsTheNewestFirstWithItsState) {
  run("first-00000001", GroupState::kCompleted, 0);
  run("second-00000002", GroupState::kFailed, 7);
  {
    const auto lost = start("third-00000003");
  }
  const auto running = start("fourth-00000004");
  const auto groups = known_groups();
  ASSERT_EQ(groups.size(), 4U);
  EXPECT_EQ(groups[0].group, "fourth-00000004");
  EXPECT_EQ(groups[0].state, GroupState::kRunning);
  EXPECT_EQ(groups[1].state, GroupState::kLost);
  EXPECT_EQ(groups[2].state, GroupState::kFailed);
  EXPECT_EQ(groups[2].exit_status, 7);
  EXPECT_EQ(groups[2].cause, "because");
  EXPECT_EQ(groups[3].group, "first-00000001");
  EXPECT_EQ(groups[3].path, scratch_.path() / "runs/first-00000001");
}

TEST_F(KnownGroupTest, ForgetsRunDirectoriesThatWereRemoved) {
  run("first-00000001", GroupState::kCompleted, 0);
  fs::remove_all(scratch_.path() / "runs");
  EXPECT_TRUE(known_groups().empty());
  EXPECT_FALSE(fs::is_symlink(state_folder() / "groups/first-00000001"));
}

TEST_F(KnownGroupTest, IsFoundByNameBeginningPathOrAge) {
  run("heat-00000001", GroupState::kCompleted, 0);
  run("heat-10000002", GroupState::kCompleted, 0);
  run("sort-00000003", GroupState::kCompleted, 0);
  EXPECT_EQ(find_group("heat-00000001")->group, "heat-00000001");
  EXPECT_EQ(find_group("heat-1")->group, "heat-10000002");
  EXPECT_EQ(find_group("")->group, "sort-00000003");
  EXPECT_EQ(find_group((scratch_.path() / "runs/heat-00000001").string())->group, "heat-00000001");
}

TEST_F(KnownGroupTest, TheOneThatRunsIsFoundAmongThoseThatHaveEnded) {
  run("heat-00000001", GroupState::kCompleted, 0);
  const auto running = start("heat-10000002");
  run("heat-20000003", GroupState::kFailed, 7);
  EXPECT_EQ(find_running_group("heat")->group, "heat-10000002");
  EXPECT_EQ(find_group("heat")->group, "heat-10000002");
  EXPECT_EQ(find_running_group("heat-2").error().message,
            "group heat-20000003 does not run any more, it is FAILED; 'mvm inspect heat-20000003' "
            "shows how it ended");
  const auto another = start("heat-30000004");
  EXPECT_FALSE(find_running_group("heat"));
  EXPECT_FALSE(find_group("heat"));
  EXPECT_EQ(find_running_group("heat-3")->group, "heat-30000004");
}

TEST_F(KnownGroupTest, TellsWhatIsWrongWithAName) {
  EXPECT_EQ(find_group("x").error().message,
            "no group has run yet; start one with 'mvm run PROFILE'");
  run("heat-00000001", GroupState::kCompleted, 0);
  run("heat-10000002", GroupState::kCompleted, 0);
  EXPECT_EQ(find_group("heat").error().message,
            "'heat' fits 2 groups, the newest heat-10000002 and heat-00000001; give more of the "
            "name");
  EXPECT_EQ(find_group("haet-00000001").error().message,
            "group 'haet-00000001' is not known, did you mean 'heat-00000001'?; 'mvm list' shows "
            "all");
  const auto elsewhere = find_group(scratch_.path().string());
  EXPECT_EQ(elsewhere.error().message,
            scratch_.path().string() +
                " is not a run directory: it has neither plan.json nor summary.json");
}

TEST_F(KnownGroupTest, DoesNotTrustForeignEntriesInTheRegister) {
  run("heat-00000001", GroupState::kCompleted, 0);
  fs::create_symlink("/etc", state_folder() / "groups/not a group");
  fs::create_directory(state_folder() / "groups/folder-00000001");
  EXPECT_EQ(known_groups().size(), 1U);
}

}  // namespace
}  // namespace mvm::run
