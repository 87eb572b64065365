// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/channel_ends.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "edge_plan.hpp"
#include "queue_ends.hpp"
#include "sample_plan.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

/// A group without processes: its arena, the queue VM's view, and the ends that tasks would have.
struct Group {
  explicit Group(WiringPlan the_plan) : plan(std::move(the_plan)), arena(*Arena::create(plan)) {
    for (std::uint32_t e = 0; e < arena.endpoint_count(); ++e) {
      heaps.push_back(std::make_unique<SenderHeap>(arena, arena.endpoint(e)));
    }
  }
  BlockingSender sender(std::uint32_t channel) {
    return {arena, channel, *heaps[arena.channel(channel).sender]};
  }
  BlockingReceiver receiver(std::uint32_t channel, std::uint32_t task) {
    return {arena, channel, task};
  }
  control::ChannelCount figures(std::uint32_t channel = 0) const {
    const auto all = ends.figures();
    EXPECT_EQ(all.size(), plan.channels.size());
    const auto& count = all[channel];
    EXPECT_EQ(count.channel, plan.channels[channel].id);
    EXPECT_EQ(count.enqueued, count.dequeued + count.dropped() + count.left + count.lost_with_task);
    return count;
  }

  WiringPlan plan;
  Arena arena;
  ChannelEnds ends{plan, arena};
  std::vector<std::unique_ptr<SenderHeap>> heaps;
};

Group pair_of_tasks() {
  return Group(plan_of(2, {{0, {1}, room_for(8)}}));
}
/// Task 0 feeds tasks 1, 2 and 3 through one queue.
Group farm() {
  return Group(plan_of(4, {{0, {1, 2, 3}, room_for(8)}}));
}

void send_some(BlockingSender& sender, int messages) {
  for (int i = 0; i < messages; ++i) {
    ASSERT_EQ(sender.send(pattern(static_cast<std::uint64_t>(i), 100)), Posted::kYes);
  }
}
void receive_some(BlockingReceiver& receiver, int messages) {
  std::string message;
  for (int i = 0; i < messages; ++i) {
    ASSERT_EQ(receiver.receive(message), Received::kMessage);
  }
}

TEST(ChannelEnds, CountsWhatWasReceived) {
  auto group = pair_of_tasks();
  auto sender = group.sender(0);
  auto receiver = group.receiver(0, 1);
  send_some(sender, 5);
  receive_some(receiver, 5);
  group.ends.task_ended(0, false);
  group.ends.task_ended(1, false);
  const auto count = group.figures();
  EXPECT_EQ(count.enqueued, 5u);
  EXPECT_EQ(count.dequeued, 5u);
  EXPECT_EQ(count.bytes, 500_B);
}

TEST(ChannelEnds, CountsWhatAReceiverLeft) {
  auto group = pair_of_tasks();
  auto sender = group.sender(0);
  auto receiver = group.receiver(0, 1);
  send_some(sender, 5);
  receive_some(receiver, 2);
  group.ends.task_ended(1, false);
  EXPECT_TRUE(sender.writer().receiver_closed());
  const auto count = group.figures();
  EXPECT_EQ(count.dequeued, 2u);
  EXPECT_EQ(count.left, 3u);
  EXPECT_EQ(count.lost_with_task, 0u);
}

TEST(ChannelEnds, CountsWhatADeadReceiverTookAlong) {
  auto group = pair_of_tasks();
  auto sender = group.sender(0);
  auto receiver = group.receiver(0, 1);
  send_some(sender, 5);
  receive_some(receiver, 2);
  Piece held;
  ASSERT_EQ(receiver.take(held), Received::kMessage);
  group.ends.task_ended(1, true);
  EXPECT_TRUE(sender.writer().receiver_closed());
  const auto count = group.figures();
  EXPECT_EQ(count.enqueued, 5u);
  EXPECT_EQ(count.dequeued, 2u);
  EXPECT_EQ(count.left, 0u);
  EXPECT_EQ(count.lost_with_task, 3u);
}

/// What was given back before an older message is received, and not lost with the older one.
TEST(ChannelEnds, CountsOnceWhatADeadReceiverGaveBackOutOfOrder) {
  auto group = pair_of_tasks();
  auto sender = group.sender(0);
  auto receiver = group.receiver(0, 1);
  ASSERT_EQ(sender.send(pattern(0, 100)), Posted::kYes);
  Piece first;
  ASSERT_EQ(receiver.take(first), Received::kMessage);
  ASSERT_EQ(sender.send(pattern(1, 100'000)), Posted::kYes);
  ASSERT_EQ(sender.send(pattern(2, 100)), Posted::kYes);
  ASSERT_EQ(sender.send(pattern(3, 100)), Posted::kYes);
  receive_some(receiver, 2);
  auto count = group.figures();
  EXPECT_EQ(count.enqueued, 4u);
  EXPECT_EQ(count.left, 2u);
  group.ends.task_ended(1, true);
  count = group.figures();
  EXPECT_EQ(count.enqueued, 4u);
  EXPECT_EQ(count.dequeued, 2u);
  EXPECT_EQ(count.lost_with_task, 2u);
}

TEST(ChannelEnds, EndsTheStreamOfADeadSender) {
  auto group = pair_of_tasks();
  auto sender = group.sender(0);
  auto receiver = group.receiver(0, 1);
  send_some(sender, 2);
  group.ends.task_ended(0, true);
  receive_some(receiver, 2);
  std::string message;
  EXPECT_EQ(receiver.receive(message), Received::kEnd);
  EXPECT_EQ(group.figures().dequeued, 2u);
}

TEST(ChannelEnds, DoesNotCountAMessageThatNeverWasWhole) {
  auto group = pair_of_tasks();
  auto sender = group.sender(0);
  send_some(sender, 1);
  ASSERT_EQ(sender.wait_for_room(60'000), Posted::kYes);
  ASSERT_TRUE(sender.writer().ring()->begin(60'000, 0));
  const auto half = pattern(0, 30'000);
  sender.writer().ring()->append(half.data(), half.size());
  group.ends.task_ended(0, true);
  group.ends.task_ended(1, false);
  const auto count = group.figures();
  EXPECT_EQ(count.enqueued, 1u);
  EXPECT_EQ(count.left, 1u);
}

TEST(ChannelEnds, CountsALargeMessageOnce) {
  auto group = pair_of_tasks();
  auto sender = group.sender(0);
  auto receiver = group.receiver(0, 1);
  ASSERT_EQ(sender.send(pattern(0, 100'000)), Posted::kYes);
  EXPECT_EQ(group.figures().left, 1u);
  Piece piece;
  ASSERT_EQ(receiver.take(piece), Received::kMessage);
  ASSERT_TRUE(piece.more);
  receiver.reader().give_back(piece.cookie, piece.more);
  EXPECT_EQ(group.figures().left, 1u);  // a part of it was copied out
  do {
    ASSERT_EQ(receiver.take(piece), Received::kMessage);
    receiver.reader().give_back(piece.cookie, piece.more);
  } while (piece.more);
  EXPECT_EQ(group.figures().dequeued, 1u);
  EXPECT_EQ(group.figures().left, 0u);
}

TEST(ChannelEnds, ClosesASharedQueueAfterTheLastReceiver) {
  auto group = farm();
  auto sender = group.sender(0);
  group.ends.task_ended(1, false);
  group.ends.task_ended(2, true);
  EXPECT_FALSE(sender.writer().receiver_closed());
  group.ends.task_ended(3, false);
  EXPECT_TRUE(sender.writer().receiver_closed());
}

TEST(ChannelEnds, GivesBackWhatADeadCompetitorHeld) {
  auto group = farm();
  auto sender = group.sender(0);
  auto dies = group.receiver(0, 1);
  auto lives = group.receiver(0, 2);
  send_some(sender, 8);
  std::vector<Piece> held(3);
  for (auto& piece : held) ASSERT_EQ(dies.take(piece), Received::kMessage);
  receive_some(lives, 5);
  send_some(sender, 5);
  EXPECT_FALSE(sender.writer().ready(1));  // three are still held
  group.ends.task_ended(1, true);
  EXPECT_TRUE(sender.writer().ready(1));
  send_some(sender, 3);
  receive_some(lives, 8);
  const auto count = group.figures();
  EXPECT_EQ(count.enqueued, 16u);
  EXPECT_EQ(count.dequeued, 13u);
  EXPECT_EQ(count.lost_with_task, 3u);
}

/// Competitors take, hold, release and die in every order; the sums hold all the time.
TEST(ChannelEnds, SumsHoldWhileCompetitorsDie) {
  const auto seed = test_seed();
  for (std::uint32_t run = 0; run < 100; ++run) {
    std::mt19937 random(seed + run);
    auto group = Group(plan_of(6, {{0, {1, 2, 3, 4, 5}, room_for(16)}}));
    auto sender = group.sender(0);
    std::deque<BlockingReceiver> receivers;
    std::vector<std::vector<std::uint64_t>> held(6);
    std::vector<bool> dead(6);
    for (std::uint32_t t = 1; t < 6; ++t) receivers.emplace_back(group.arena, 0, t);
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    for (int step = 0; step < 300; ++step) {
      const auto task = 1 + random_below(random, 5);
      auto& reader = receivers[task - 1].reader();
      const auto act = random_below(random, 100);
      if (act < 40) {
        if (!sender.writer().ready(64)) continue;
        ASSERT_TRUE(sender.writer().send(pattern(sent, 64).data(), 64, 0, {}) == Sent::kDone);
        ++sent;
      } else if (dead[task]) {
        continue;
      } else if (act < 70) {
        Piece piece;
        if (reader.take(piece) != Taken::kPiece) continue;
        held[task].push_back(piece.cookie);
      } else if (act < 98 || task == 5) {
        if (held[task].empty()) continue;
        const auto i = random_below(random, held[task].size());
        reader.give_back(held[task][i], false);
        held[task].erase(held[task].begin() + static_cast<std::ptrdiff_t>(i));
        ++received;
      } else {
        dead[task] = true;
        lost += held[task].size();
        group.ends.task_ended(static_cast<std::uint32_t>(task), true);
      }
      const auto count = group.figures();
      ASSERT_EQ(count.dequeued, received) << "seed " << seed + run;
      ASSERT_EQ(count.enqueued, sent) << "seed " << seed + run;
      ASSERT_GE(count.lost_with_task, lost);
    }
    // The last competitor frees what it holds: nobody else may stand in the sender's way.
    for (const auto number : held[5]) receivers[4].reader().give_back(number, false);
    for (std::uint32_t t = 1; t < 5; ++t) {
      if (!dead[t]) group.ends.task_ended(t, true);
    }
    std::string message;
    while (receivers[4].reader().available()) {
      ASSERT_EQ(receivers[4].receive(message), Received::kMessage);
    }
    ASSERT_TRUE(sender.writer().ready(0)) << "seed " << seed + run;
  }
}

/// On the sender's machine all receivers of another machine are one end.
TEST(ChannelEnds, TakesAnotherMachineForOneEnd) {
  Group group(sample_plan());
  auto sender = group.sender(0);
  group.ends.task_ended(1, false);
  EXPECT_FALSE(sender.writer().receiver_closed());
  group.ends.receiver_gone(0);  // as the link tells
  EXPECT_TRUE(sender.writer().receiver_closed());
}

TEST(ChannelEnds, LooksAtNothingInTheArenaButCountersAndStamps) {
  auto group = pair_of_tasks();
  auto sender = group.sender(0);
  send_some(sender, 3);
  auto& record = group.arena.channel(0);
  record.tape = ~Offset{0};
  record.tape_size = 0;
  record.receivers.count = ~0u;
  record.sender = 1'000'000;
  EXPECT_EQ(group.figures().left, 3u);
  record.released = ~std::uint64_t{0} - 3;
  (void)group.ends.figures();
  group.ends.task_ended(0, true);
  group.ends.task_ended(1, true);
  EXPECT_EQ(record.sender_closed, 1u);
  EXPECT_EQ(record.receiver_closed, 1u);
}

}  // namespace
}  // namespace mvm::queue
