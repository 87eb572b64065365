// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/port_writer.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "edge_plan.hpp"
#include "queue_ends.hpp"

namespace mvm::queue {
namespace {

/// Task 0 sends a copy of each message to tasks 1 and 2, whose queues encode it, so that each takes
/// memory of its own; and fail when they are full.
class TwoCopies {
 public:
  TwoCopies()
      : arena_(make()),
        heap_(arena_.endpoint(0).heap, kHeap),
        first_(arena_, 0, 1),
        second_(arena_, 1, 2) {
    const auto ports = arena_.list<PortRecord>(arena_.endpoint(0).ports);
    auto opened = PortWriter::open(arena_, ports[0], heap_, {});
    if (!opened) throw std::runtime_error(opened.error().message);
    port_ = std::move(*opened);
  }
  PortWriter& port() { return *port_; }
  SenderHeap& heap() { return heap_; }
  QueueReader& first() { return first_; }
  QueueReader& second() { return second_; }
  std::uint64_t enqueued() const {
    return arena_.channel(0).enqueued.load() + arena_.channel(1).enqueued.load();
  }

  static constexpr std::uint64_t kHeap = 16 << 10;

 private:
  static Arena make() {
    QueueSpec queue{
        .type = QueueType::kPriority, .overflow = Overflow::kFail, .capacity = 8, .codecs = {0}};
    auto plan = plan_of(3, {{0, {1}, queue}, {0, {2}, queue}});
    plan.codecs = {{.kind = CodecKind::kCrc32c}};
    auto& ports = plan.tasks[0].ports;
    ports[0].sends[0] = {Spread::kEach, {0, 1}};
    ports.pop_back();
    plan.channels[1].sender_port = plan.channels[0].sender_port;
    auto arena = Arena::create(plan);
    if (!arena) throw std::runtime_error(arena.error().message);
    return std::move(*arena);
  }

  Arena arena_;
  SenderHeap heap_;
  QueueReader first_;
  QueueReader second_;
  std::unique_ptr<PortWriter> port_;
};

void receive_one(QueueReader& reader) {
  Piece piece;
  ASSERT_EQ(reader.take(piece), Taken::kPiece);
  reader.give_back(piece.cookie, false);
}

TEST(PortWriter, RefusesForAllQueuesWhenOneIsFull) {
  TwoCopies two;
  for (int n = 0; n < 8; ++n) {
    ASSERT_TRUE(two.port().aim({.data = "a", .length = 1}));
    ASSERT_EQ(two.port().deliver(), PortWriter::Delivered::kAll);
  }
  receive_one(two.first());
  ASSERT_TRUE(two.port().aim({.data = "b", .length = 1}));
  EXPECT_TRUE(two.port().ready());
  EXPECT_EQ(two.port().deliver(), PortWriter::Delivered::kRefused);
  EXPECT_EQ(two.enqueued(), 16u);
}

/// Each queue has room, but the first takes the memory that the second had counted on. What one
/// has, the other gets: it waits, whatever the policy says, and nobody gets it twice.
TEST(PortWriter, FinishesWhatOneQueueHasAlready) {
  TwoCopies two;
  const auto message = pattern(1, 4'000);
  const auto most = two.heap().allocate(TwoCopies::kHeap - 6'000);
  ASSERT_TRUE(most);
  ASSERT_TRUE(two.port().aim({.data = message.data(), .length = message.size()}));
  ASSERT_TRUE(two.port().ready());
  ASSERT_EQ(two.port().deliver(), PortWriter::Delivered::kTryAgain);
  EXPECT_EQ(two.enqueued(), 1u);
  EXPECT_FALSE(two.port().ready());
  two.heap().free(*most, TwoCopies::kHeap - 6'000);
  ASSERT_TRUE(two.port().ready());
  EXPECT_EQ(two.port().deliver(), PortWriter::Delivered::kAll);
  EXPECT_EQ(two.enqueued(), 2u);
  receive_one(two.first());
  receive_one(two.second());
  EXPECT_FALSE(two.first().available());
  EXPECT_FALSE(two.second().available());
}

/// One queue has the message when the receiver of the other goes: it was sent.
TEST(PortWriter, HasSentWhatOneQueueGotBeforeTheOtherClosed) {
  TwoCopies two;
  const auto message = pattern(1, 4'000);
  ASSERT_TRUE(two.heap().allocate(TwoCopies::kHeap - 6'000));
  ASSERT_TRUE(two.port().aim({.data = message.data(), .length = message.size()}));
  ASSERT_TRUE(two.port().ready());
  ASSERT_EQ(two.port().deliver(), PortWriter::Delivered::kTryAgain);
  two.second().close();
  ASSERT_TRUE(two.port().ready());
  EXPECT_EQ(two.port().deliver(), PortWriter::Delivered::kAll);
  receive_one(two.first());
  two.first().close();
  ASSERT_TRUE(two.port().aim({.data = message.data(), .length = message.size()}));
  EXPECT_EQ(two.port().deliver(), PortWriter::Delivered::kClosed);
}

}  // namespace
}  // namespace mvm::queue
