// SPDX-License-Identifier: GPL-3.0-or-later
#include "deadlock_watch.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "queuelayer/edge_plan.hpp"
#include "wait_report.hpp"

namespace mvm::run {
namespace {

namespace control = queue::control;

/// Two tasks on a machine each, which wait for each other; the test plays the queue VMs.
class DeadlockWatchTest : public testing::Test {
 protected:
  DeadlockWatchTest() {
    for (std::uint32_t m = 0; m < 2; ++m) {
      plans_.push_back(
          queue::plan_of_machine(m, {0, 1}, {"ipc:///a", "ipc:///b"}, {{0, {1}}, {1, {0}}}));
    }
    graph_ = std::make_unique<queue::WaitGraph>(plans_);
    watch_ = std::make_unique<DeadlockWatch>(
        *graph_, rounds_, [this](const queue::GroupWaits& waits) { found_.push_back(waits); });
  }

  /// What the machine would tell now.
  control::Status status_of(std::uint32_t machine, std::uint64_t token) {
    control::Status status;
    status.token = token;
    control::TaskStatus task;
    task.task = machine;
    task.state = control::TaskState::kAttached;
    task.pid = 1;
    task.threads = threads_[machine];
    const auto& ports = plans_[machine].tasks[0].ports;
    const std::uint32_t in = ports[0].receives.empty() ? 1 : 0;
    task.waits.push_back(
        {.kind = queue::WaitKind::kReceive, .subject = in, .number = waits_[machine]});
    status.tasks.push_back(task);
    for (const auto& channel : plans_[machine].channels) {
      status.channels.emplace_back().channel = channel.id;
    }
    return status;
  }
  /// Answers the oldest question. False when there is none.
  bool answer() {
    if (asked_.empty()) return false;
    const auto [machine, ask] = asked_.front();
    asked_.pop_front();
    EXPECT_TRUE(rounds_.on_status(machine, status_of(machine, ask.token)));
    return true;
  }
  void answer_all() {
    while (answer()) {
    }
  }

  std::vector<queue::WiringPlan> plans_;
  std::uint32_t threads_[2] = {1, 1};
  std::uint64_t waits_[2] = {1, 1};
  std::deque<std::pair<std::uint32_t, control::Ask>> asked_;
  StatusRounds rounds_{2, [this](std::uint32_t machine, control::Ask ask) {
                         asked_.emplace_back(machine, ask);
                         return true;
                       }};
  std::unique_ptr<queue::WaitGraph> graph_;
  std::vector<queue::GroupWaits> found_;
  std::unique_ptr<DeadlockWatch> watch_;
};

TEST_F(DeadlockWatchTest, NeedsTwoRoundsThatAgree) {
  watch_->on_stalled();
  EXPECT_EQ(asked_.size(), 2U);
  answer();
  answer();
  EXPECT_TRUE(found_.empty()) << "one look is not enough";
  EXPECT_EQ(asked_.size(), 2U) << "the second begins when the first has come from everywhere";
  answer_all();
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(deadlock_sentence(found_[0]),
            "deadlock: task[0] waits for task[1], which waits for task[0]");
}

TEST_F(DeadlockWatchTest, DropsASuspicionWhenSomethingMoved) {
  watch_->on_stalled();
  answer();
  answer();
  ++waits_[1];
  answer_all();
  EXPECT_TRUE(found_.empty());
  EXPECT_TRUE(watch_->tick()) << "it looks again";
}

TEST_F(DeadlockWatchTest, LooksAgainWhileTasksWait) {
  threads_[0] = 2;  // one of which computes
  watch_->on_stalled();
  answer_all();
  EXPECT_TRUE(found_.empty());
  threads_[0] = 1;  // it ended, which is no new wait of anybody
  const auto deadline = now() + std::chrono::seconds(30);
  while (found_.empty() && now() < deadline) {
    (void)watch_->tick();
    answer_all();
    std::this_thread::yield();
  }
  EXPECT_EQ(found_.size(), 1U);
}

TEST_F(DeadlockWatchTest, TellsOfAKnotOnce) {
  for (int i = 0; i < 3; ++i) {
    watch_->on_stalled();
    answer_all();
  }
  EXPECT_EQ(found_.size(), 1U);
}

TEST_F(DeadlockWatchTest, SaysNothingOnceItIsStopped) {
  watch_->on_stalled();
  answer();
  watch_->stop();
  answer_all();
  EXPECT_TRUE(found_.empty());
  EXPECT_FALSE(watch_->tick());
}

TEST_F(DeadlockWatchTest, DoesNotWaitForAMachineThatIsGone) {
  watch_->on_stalled();
  rounds_.on_gone(1);
  asked_.pop_back();
  answer_all();
  EXPECT_TRUE(found_.empty()) << "its tasks may do anything";
}

TEST_F(DeadlockWatchTest, TakesNoAnswerToAnotherQuestion) {
  watch_->on_stalled();
  EXPECT_FALSE(rounds_.on_status(0, status_of(0, 99)));
  answer_all();
  EXPECT_FALSE(rounds_.on_status(0, status_of(0, 1))) << "nor one that was not asked for";
}

/// Whoever asks while a round is under way is told by the next one.
TEST_F(DeadlockWatchTest, TellsEachWishByARoundThatBeganAfterIt) {
  std::vector<std::uint64_t> tokens;
  const auto wish = [&] {
    rounds_.wish(
        [&](const StatusRounds::Statuses& statuses) { tokens.push_back(statuses[0].token); });
  };
  wish();
  wish();
  wish();
  answer_all();
  EXPECT_EQ(tokens, (std::vector<std::uint64_t>{1, 2, 2}));
}

TEST_F(DeadlockWatchTest, IsToldInWordsWithTheNumbersOfEachEdge) {
  watch_->on_stalled();
  answer_all();
  ASSERT_EQ(found_.size(), 1U);
  const auto words = deadlock_words(found_[0]);
  EXPECT_NE(words.find("deadlock: 2 tasks wait for each other for ever: task[0], task[1]\n"),
            std::string::npos)
      << words;
  EXPECT_NE(words.find("  task[0] has waited 0.0 s to receive at port in1 from task[1] "
                       "(0 sent, 0 received)\n"),
            std::string::npos)
      << words;
}

}  // namespace
}  // namespace mvm::run
