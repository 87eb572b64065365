// SPDX-License-Identifier: Apache-2.0
// Large messages of a ring: in fragments, which only a single receiver is sent, and on the sender's
// heap.
#include <gtest/gtest.h>

#include <random>

#include "ring_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

TEST(RingFragments, FollowEachOtherWhateverTheReceiverDoes) {
  std::mt19937 random(test_seed());
  Lab lab(1, room_for(2, 64_KiB));
  std::string got;
  for (int round = 0; round < 30; ++round) {
    const auto message = pattern(7, 17'000 + random_below(random, 3'000'000));
    lab.write(message);  // nobody receives meanwhile: it must end by itself
    ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
    ASSERT_TRUE(got == message);
  }
}

TEST(RingFragments, ArriveInPiecesOfAnyLength) {
  std::mt19937 random(test_seed());
  Lab lab(1, room_for(4, 64_KiB));
  std::string got;
  for (int round = 0; round < 200; ++round) {
    const auto message = pattern(3, 1 + random_below(random, round % 10 == 0 ? 2'000'000 : 300));
    ASSERT_TRUE(lab.writer().ready(message.size()));
    ASSERT_TRUE(lab.writer().ring()->begin(message.size(), 0));
    for (std::uint64_t at = 0; at < message.size();) {
      const auto some = std::min(message.size() - at, 1 + random_below(random, 70'000));
      lab.writer().ring()->append(message.data() + at, some);
      at += some;
    }
    ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
    ASSERT_TRUE(got == message) << message.size();
  }
  EXPECT_TRUE(lab.writer().ready(0));
  EXPECT_TRUE(lab.heap().could_allocate(kHeapPerEndpoint.count));
}

/// Pieces that are a little longer than a fragment make many records of different sizes.
TEST(RingFragments, LeaveRoomForTheMessagesThatFollow) {
  constexpr std::uint64_t kBytes = 93 * tape::kWholeBytes;
  Lab lab(1, room_for(3, Bytes{kBytes}));
  auto* loan = lab.writer().reserve(50);
  ASSERT_NE(loan, nullptr);
  const auto message = pattern(1, kBytes - 100);
  ASSERT_TRUE(lab.writer().ready(message.size()));
  ASSERT_TRUE(lab.writer().ring()->begin(message.size(), 0));
  for (std::uint64_t at = 0; at < message.size(); at += 17'000) {
    lab.writer().ring()->append(message.data() + at,
                                std::min<std::uint64_t>(17'000, message.size() - at));
  }
  ASSERT_TRUE(lab.writer().ready(50));
  lab.write(pattern(2, 50));
  std::memcpy(loan, pattern(3, 50).data(), 50);
  ASSERT_EQ(lab.writer().send_reserved(loan, 50, 0, {}), Sent::kDone);
  std::string got;
  for (const auto& wanted : {message, pattern(2, 50), pattern(3, 50)}) {
    ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
    EXPECT_TRUE(got == wanted);
  }
}

/// The last fragment of a message looks like a message of its own. What follows is not taken for
/// more of the kind.
TEST(RingFragments, AreNotTakenForMessages) {
  Lab lab(1, room_for(64, 1_MiB));
  std::string got;
  for (const std::uint64_t rest : {0u, 1u, 8u, 100u, 192u, 5'000u, 16'384u}) {
    const auto large = 4 * tape::kWholeBytes + rest;
    for (const auto length : {large, large, rest, rest, large, rest}) {
      const auto message = pattern(length, length);
      lab.write(message);
      ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
      ASSERT_TRUE(got == message) << length << " bytes";
    }
  }
}

TEST(RingFragments, OfADeadSenderAreNoMessage) {
  Lab lab(1, room_for(4, 64_KiB));
  lab.write("whole");
  ASSERT_TRUE(lab.writer().ready(50'000));
  ASSERT_TRUE(lab.writer().ring()->begin(50'000, 0));
  const auto half = pattern(0, 25'000);
  lab.writer().ring()->append(half.data(), half.size());
  lab.writer().close();  // as the queue VM does for it
  std::string got;
  ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
  EXPECT_EQ(got, "whole");
  EXPECT_EQ(lab.receiver().receive(got), Received::kEnd);
  EXPECT_EQ(lab.arena().channel(0).dequeued, 1u);
}

TEST(RingHeap, SaysSoWhenItHasNoRoomAndRecovers) {
  Lab lab(1, room_for(64, 1_GiB));
  SenderHeap small(lab.arena().endpoint(0).heap, 1 << 20);
  RingWriter writer(lab.arena(), 0, small);
  auto* loan = writer.reserve(600 << 10);
  ASSERT_NE(loan, nullptr);
  EXPECT_EQ(writer.reserve(600 << 10), nullptr);
  EXPECT_FALSE(writer.has_room(600 << 10));
  EXPECT_FALSE(writer.begin(600 << 10, 0));
  writer.cancel(loan, 600 << 10);
  EXPECT_TRUE(writer.has_room(600 << 10));
}

/// It is in the heap already, so no more of it is needed.
TEST(RingHeap, HoldsASharedMessageOnce) {
  Lab lab(1, room_for(64, 1_GiB));
  SenderHeap small(lab.arena().endpoint(0).heap, 1 << 20);
  QueueWriter writer(lab.arena(), 0, small);
  const auto at = small.allocate(600 << 10);
  ASSERT_TRUE(at);
  auto* block = new SharedBlock{.at = *at, .length = 600 << 10, .holds = 1};
  EXPECT_EQ(writer.send_shared(*block, 0, {}), Sent::kDone);
  EXPECT_EQ(block->holds--, 2u);
  const auto piece = lab.take();
  EXPECT_EQ(piece.length, 600u << 10);
  lab.give_back(piece);
  EXPECT_TRUE(writer.ready(600 << 10));
}

}  // namespace
}  // namespace mvm::queue
