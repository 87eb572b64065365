// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/summary.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "scratch_folder.hpp"

namespace mvm::run {
namespace {

GroupOutcome example() {
  GroupOutcome outcome;
  outcome.group = "heat-3f9c02ab";
  outcome.state = GroupState::kFailed;
  outcome.exit_status = 7;
  outcome.cause = "cell[2] exited with 7";
  outcome.ran = std::chrono::milliseconds(1500);
  outcome.tasks = {{.id = 2,
                    .name = "cell[2]",
                    .core = 1,
                    .pid = 99,
                    .end = TaskEnd::kFailed,
                    .status = 7,
                    .peak_memory = 3_MiB},
                   {.id = 3, .name = "cell[3]", .end = TaskEnd::kFollower}};
  outcome.channels = {{.channel = 5,
                       .from = "cell[2].x+",
                       .to = "cell[3].x-",
                       .enqueued = 9,
                       .dequeued = 3,
                       .drops = {0, 0, 1, 0, 0},
                       .left = 2,
                       .lost_with_task = 3,
                       .bytes = 72_B,
                       .high_water = 6,
                       .sender_blocked = std::chrono::milliseconds(250),
                       .receiver_blocked = std::chrono::milliseconds(500)}};
  return outcome;
}

TEST(Summary, TellsEverythingInOneStableForm) {
  const auto json = nlohmann::json::parse(summary_json(example()));
  EXPECT_EQ(json["format"], 1);
  EXPECT_EQ(json["state"], "FAILED");
  EXPECT_EQ(json["exit_status"], 7);
  EXPECT_EQ(json["cause"], "cell[2] exited with 7");
  EXPECT_EQ(json["run_seconds"], 1.5);
  ASSERT_EQ(json["tasks"].size(), 2U);
  EXPECT_EQ(json["tasks"][0]["end"], "failed");
  EXPECT_EQ(json["tasks"][0]["core"], 1);
  EXPECT_EQ(json["tasks"][0]["peak_memory_bytes"], 3 << 20);
  EXPECT_EQ(json["tasks"][1]["core"], nullptr);
  EXPECT_EQ(json["tasks"][1]["end"], "follower");
  EXPECT_EQ(json["channels"][0]["from"], "cell[2].x+");
  EXPECT_EQ(json["channels"][0]["lost_with_task"], 3);
  EXPECT_EQ(json["channels"][0]["payload_bytes"], 72);
  EXPECT_EQ(json["channels"][0]["type"], "fifo");
  EXPECT_EQ(json["channels"][0]["dropped"], 1);
  EXPECT_EQ(json["channels"][0]["drops"]["expired"], 1);
  EXPECT_EQ(json["channels"][0]["drops"]["overflow"], 0);
  EXPECT_EQ(json["channels"][0]["high_water"], 6);
  EXPECT_EQ(json["channels"][0]["sender_blocked_seconds"], 0.25);
  EXPECT_EQ(json["channels"][0]["receiver_blocked_seconds"], 0.5);
}

TEST(Summary, OfAGroupThatNeverStartedIsWhole) {
  const auto json = nlohmann::json::parse(summary_json({}));
  EXPECT_EQ(json["tasks"].size(), 0U);
  EXPECT_EQ(json["channels"].size(), 0U);
}

TEST(Summary, SurvivesACauseThatIsNotText) {
  auto outcome = example();
  outcome.cause = "bad \xff\xfe bytes";
  EXPECT_EQ(nlohmann::json::parse(summary_json(outcome))["cause"], "bad \ufffd\ufffd bytes");
}

class SummaryHeadTest : public testing::Test {
 protected:
  Result<SummaryHead> read(const std::string& content) {
    const auto file = scratch_.path() / kSummaryFile;
    std::ofstream(file, std::ios::binary) << content;
    return read_summary_head(file);
  }
  test::ScratchFolder scratch_;
};

TEST_F(SummaryHeadTest, IsReadBack) {
  const auto head = read(summary_json(example()));
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->group, "heat-3f9c02ab");
  EXPECT_EQ(head->state, GroupState::kFailed);
  EXPECT_EQ(head->exit_status, 7);
  EXPECT_EQ(head->cause, "cell[2] exited with 7");
}

TEST_F(SummaryHeadTest, DoesNotNeedTheRestOfTheFile) {
  auto outcome = example();
  outcome.tasks.resize(10'000, outcome.tasks[0]);
  EXPECT_TRUE(read(summary_json(outcome)));
}

TEST_F(SummaryHeadTest, RefusesWhatIsNoSummary) {
  EXPECT_EQ(read("").error().code, ErrorCode::kSystem);
  EXPECT_EQ(read("{\"group\": \"x\"").error().code, ErrorCode::kSystem);
  EXPECT_EQ(read("{\"state\": \"HAPPY\", \"tasks\": []}").error().code, ErrorCode::kSystem);
  EXPECT_EQ(read("[1, 2]").error().code, ErrorCode::kSystem);
  EXPECT_EQ(read_summary_head("/nowhere/summary.json").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace mvm::run
