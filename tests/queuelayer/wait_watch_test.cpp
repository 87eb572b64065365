// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/wait_watch.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <mvm/queuelayer/wait_board.hpp>

#include "edge_plan.hpp"
#include "queue_ends.hpp"

namespace mvm::queue {
namespace {

/// Task 0 is this process, and this thread writes down what it would wait for. It sends to task 1
/// at port 0, where one message has room, and receives from it at port 1. Both are in a team with
/// task 2, which is on another machine.
class WaitWatchTest : public testing::Test {
 protected:
  WaitWatchTest() {
    endpoint().state = static_cast<std::uint32_t>(EndpointState::kAttached);
    note_.emplace(endpoint(), arena_.header().clock, arena_.list<PortRecord>(endpoint().ports));
  }
  static WiringPlan make_plan() {
    auto plan =
        plan_of_machine(0, {0, 0, 1}, {"ipc:///a", "ipc:///b"}, {{0, {1}, room_for(1)}, {1, {0}}});
    TeamSpec team;
    team.name = "task";
    team.members = {0, 1, 2};
    team.machines = {0, 0, 1};
    plan.teams = {team};
    for (auto& task : plan.tasks) task.teams = {0};
    return plan;
  }
  EndpointRecord& endpoint() { return arena_.endpoint(0); }
  Seat& seat(std::uint32_t member) {
    const auto& team = arena_.list<TeamRecord>(arena_.header().teams)[0];
    return reinterpret_cast<Seat*>(arena_.base() + team.seats)[member];
  }
  void send(std::uint32_t channel) {
    const auto& sender = arena_.endpoint(arena_.channel(channel).sender);
    SenderHeap heap(sender.heap, sender.heap_size);
    QueueWriter writer(arena_, channel, heap);
    ASSERT_EQ(writer.send("x", 1, 0, {}), Sent::kDone);
  }
  void receive(std::uint32_t channel, std::uint32_t self) {
    QueueReader reader(arena_, channel, self);
    Piece piece;
    ASSERT_EQ(reader.take(piece), Taken::kPiece);
    reader.give_back(piece.cookie, false);
  }
  control::TaskStatus status() { return watch_.tasks({::getpid(), 0}).at(0); }
  bool can_go_on() { return status().waits.at(0).can_go_on; }

  const WiringPlan plan_ = make_plan();
  const Arena arena_ = *Arena::create(plan_);
  WaitWatch watch_{plan_, arena_};
  std::optional<WaitNote> note_;
};

TEST_F(WaitWatchTest, TellsWhatAnExchangeHasLeft) {
  send(0);
  note_->set({.kind = WaitKind::kExchange,
              .pending = {{.kind = WaitKind::kReceive, .port = 1},
                          {.kind = WaitKind::kSend, .port = 0, .channel = 0, .size = 5}}});
  const auto waits = status().waits;
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(waits[0].kind, WaitKind::kExchange);
  EXPECT_EQ(waits[0].pending, (std::vector<control::PendingWait>{{WaitKind::kSend, 0, 0, 5},
                                                                 {WaitKind::kReceive, 1, 0, 0}}));
  EXPECT_FALSE(waits[0].can_go_on);
}

TEST_F(WaitWatchTest, LetsAnExchangeGoOnByAMessageOrByRoom) {
  send(0);
  const PendingOperation receives{.kind = WaitKind::kReceive, .port = 1};
  const PendingOperation sends{.kind = WaitKind::kSend, .port = 0, .channel = 0, .size = 5};
  send(1);
  note_->set({.kind = WaitKind::kExchange, .pending = {receives, sends}});
  EXPECT_TRUE(can_go_on());
  note_.emplace(endpoint(), arena_.header().clock, arena_.list<PortRecord>(endpoint().ports));
  note_->set({.kind = WaitKind::kExchange, .pending = {sends}});
  EXPECT_FALSE(can_go_on()) << "the message is not for what is left";
  receive(0, 1);
  EXPECT_TRUE(can_go_on());
}

TEST_F(WaitWatchTest, LetsAnExchangeGoOnWhereAStreamHasEnded) {
  note_->set({.kind = WaitKind::kExchange, .pending = {{.kind = WaitKind::kReceive, .port = 1}}});
  EXPECT_FALSE(can_go_on());
  arena_.channel(1).sender_closed = 1;
  EXPECT_TRUE(can_go_on());
}

TEST_F(WaitWatchTest, BelievesNoNoteOfAThreadThatIsNotTheTasks) {
  note_->set({.kind = WaitKind::kReceive, .subject = 1});
  EXPECT_EQ(status().waits.size(), 1u);
  endpoint().wait[0].thread = 1;
  EXPECT_TRUE(status().waits.empty());
}

TEST_F(WaitWatchTest, LeavesExchangesOutWhereTheTableOfPortsWasOverwritten) {
  note_->set({.kind = WaitKind::kExchange, .pending = {{.kind = WaitKind::kReceive, .port = 1}}});
  endpoint().ports.count = 1u << 30;
  EXPECT_TRUE(status().waits.empty());
}

/// What a member elsewhere gives is brought by the leader. When that has passed by, it never comes.
TEST_F(WaitWatchTest, LetsAMeetingGoOnWhenTheLeaderHasPassedByOrLeft) {
  const WaitSubject subject{
      .kind = WaitKind::kMember, .channel = 2, .size = 4, .seen = seat_changes(seat(2))};
  note_->set(subject);
  EXPECT_FALSE(can_go_on());
  seat(0).finished = 3;
  EXPECT_FALSE(can_go_on()) << "an operation before";
  seat(0).finished = 4;
  EXPECT_TRUE(can_go_on());
  seat(0).finished = 3;
  seat(0).gone = 1;
  EXPECT_TRUE(can_go_on());
}

TEST_F(WaitWatchTest, LetsAMeetingGoOnWhenAnyMemberHasLeftThatMayBeNeeded) {
  WaitSubject subject{
      .kind = WaitKind::kCollective, .channel = 1, .size = 1, .seen = seat_changes(seat(1))};
  note_->set(subject);
  EXPECT_FALSE(can_go_on());
  seat(2).gone = 1;
  EXPECT_TRUE(can_go_on());
  subject.kind = WaitKind::kMember;
  note_->set(subject);
  EXPECT_FALSE(can_go_on()) << "it is not needed";
}

}  // namespace
}  // namespace mvm::queue
