// SPDX-License-Identifier: Apache-2.0
// What a full shelf does, what it counts, and what it lends.
#include <gtest/gtest.h>

#include <cstring>

#include "queue_ends.hpp"
#include "shelf_lab.hpp"

namespace mvm::queue {
namespace {

QueueSpec full_of(QueueType type, Overflow overflow, std::uint32_t capacity,
                  Bytes bytes = 256_KiB) {
  return {.type = type, .overflow = overflow, .capacity = capacity, .bytes = bytes, .levels = 4};
}

TEST(ShelfOverflow, BlocksUntilSomethingIsGivenBack) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kBlock, 2));
  (void)lab.send("a");
  (void)lab.send("b");
  EXPECT_FALSE(lab.writer().ready(1));
  EXPECT_EQ(lab.writer().ready_at(), kNever);
  EXPECT_EQ(lab.send("c"), Sent::kTryAgain);
  const auto first = lab.take();
  EXPECT_FALSE(lab.writer().ready(1));  // seen is not yet received
  lab.give_back(first);
  EXPECT_TRUE(lab.writer().ready(1));
  EXPECT_EQ(lab.send("c"), Sent::kDone);
  EXPECT_EQ(lab.record().enqueued, 3u);
  lab.expect_sums();
}

/// Memory comes back in the order of release, not of sending.
TEST(ShelfOverflow, GivesRoomInWhateverOrderItIsReleased) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kBlock, 4));
  for (int lap = 0; lap < 100; ++lap) {
    std::vector<ShelfMessage> views;
    for (std::uint64_t i = 0; i < 4; ++i) ASSERT_EQ(lab.send(pattern(i, 10 + i * 40)), Sent::kDone);
    for (int i = 0; i < 4; ++i) views.push_back(lab.take());
    for (const std::size_t i : {2u, 1u, 3u, 0u}) {
      ASSERT_FALSE(lab.writer().ready(1)) << "lap " << lap;
      lab.give_back(views[i]);
      ASSERT_TRUE(lab.writer().ready(1));
      ASSERT_EQ(lab.send("filler"), Sent::kDone);
    }
    ASSERT_EQ(lab.drain().size(), 4u);
  }
}

TEST(ShelfOverflow, RefusesWhereItFails) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kFail, 1));
  EXPECT_FALSE(lab.writer().refuses(1));
  (void)lab.send("a");
  EXPECT_TRUE(lab.writer().ready(1));
  EXPECT_TRUE(lab.writer().refuses(1));
  EXPECT_EQ(lab.send("b"), Sent::kRefused);
  EXPECT_EQ(lab.record().enqueued, 1u);
  EXPECT_EQ(lab.drain(), (Texts{"a"}));
  EXPECT_FALSE(lab.writer().refuses(1));
}

TEST(ShelfOverflow, DropsTheNewcomer) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kDropNewest, 2));
  (void)lab.send("a");
  (void)lab.send("b");
  EXPECT_TRUE(lab.writer().ready(1));
  EXPECT_EQ(lab.send("c", {.priority = 3}), Sent::kDropped);
  EXPECT_EQ(lab.record().enqueued, 3u);
  EXPECT_EQ(lab.drops(DropCause::kOverflow), 1u);
  EXPECT_EQ(lab.drain(), (Texts{"a", "b"}));
  lab.expect_sums();
}

TEST(ShelfOverflow, DropsTheOldest) {
  for (const auto type : {QueueType::kFifo, QueueType::kLifo}) {
    ShelfLab lab(full_of(type, Overflow::kDropOldest, 3));
    for (const auto* text : {"a", "b", "c", "d", "e"}) EXPECT_EQ(lab.send(text), Sent::kDone);
    EXPECT_EQ(lab.drain(),
              type == QueueType::kFifo ? (Texts{"c", "d", "e"}) : (Texts{"e", "d", "c"}));
    EXPECT_EQ(lab.drops(DropCause::kOverflow), 2u);
    lab.expect_sums();
  }
}

TEST(ShelfOverflow, DropsTheOldestOfTheLeastUrgentLevel) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kDropOldest, 4));
  (void)lab.send("2a", {.priority = 2});
  (void)lab.send("1a", {.priority = 1});
  (void)lab.send("1b", {.priority = 1});
  (void)lab.send("2b", {.priority = 2});
  EXPECT_EQ(lab.send("3a", {.priority = 3}), Sent::kDone);     // 1a goes
  EXPECT_EQ(lab.send("0a", {.priority = 0}), Sent::kDropped);  // less urgent than all
  EXPECT_EQ(lab.send("1c", {.priority = 1}), Sent::kDone);     // 1b goes
  EXPECT_EQ(lab.send("2c", {.priority = 2}), Sent::kDone);     // 1c goes
  EXPECT_EQ(lab.send("2d", {.priority = 2}), Sent::kDone);     // 2a goes
  EXPECT_EQ(lab.drain(), (Texts{"3a", "2b", "2c", "2d"}));
  EXPECT_EQ(lab.drops(DropCause::kOverflow), 5u);
  lab.expect_sums();
}

TEST(ShelfOverflow, DropsTheLatestDeadline) {
  ShelfLab lab(full_of(QueueType::kDeadline, Overflow::kDropOldest, 2));
  const auto at = [&](int hour) { return lab.now() + Duration(hours(hour)).count(); };
  (void)lab.send("whenever");
  (void)lab.send("5", {.deadline_ns = at(5)});
  EXPECT_EQ(lab.send("3", {.deadline_ns = at(3)}), Sent::kDone);
  EXPECT_EQ(lab.send("9", {.deadline_ns = at(9)}), Sent::kDropped);
  EXPECT_EQ(lab.send("1", {.deadline_ns = at(1)}), Sent::kDone);
  EXPECT_EQ(lab.drain(), (Texts{"1", "3"}));
}

TEST(ShelfOverflow, DropsTheNewcomerWhenReceiversHoldEverything) {
  ShelfLab lab(full_of(QueueType::kFifo, Overflow::kDropOldest, 2));
  (void)lab.send("a");
  (void)lab.send("b");
  const auto a = lab.take();
  const auto b = lab.take();
  EXPECT_EQ(lab.send("c"), Sent::kDropped);
  lab.give_back(a);
  EXPECT_EQ(lab.send("d"), Sent::kDone);
  lab.give_back(b);
  EXPECT_EQ(lab.drain(), (Texts{"d"}));
  lab.expect_sums();
}

TEST(ShelfOverflow, TakesNothingDownForANewcomerThatWouldNotFitAfterwards) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kDropOldest, 8, 1000_B));
  (void)lab.send(pattern(0, 300), {.priority = 1});
  (void)lab.send(pattern(1, 500), {.priority = 3});
  EXPECT_EQ(lab.send(pattern(2, 600), {.priority = 2}), Sent::kDropped);
  EXPECT_EQ(lab.send(pattern(3, 500), {.priority = 2}), Sent::kDone);
  EXPECT_EQ(lab.send(pattern(4, 5000), {.priority = 3}), Sent::kDone);  // alone, whatever its size
  EXPECT_EQ(lab.drain(), (Texts{pattern(4, 5000)}));
  lab.expect_sums();
}

TEST(ShelfOverflow, CountsBytesToo) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kBlock, 64, 1000_B));
  EXPECT_TRUE(lab.writer().ready(5000));
  (void)lab.send(pattern(0, 600));
  EXPECT_TRUE(lab.writer().ready(400));
  EXPECT_FALSE(lab.writer().ready(401));
  EXPECT_TRUE(lab.receive());
  EXPECT_EQ(lab.send(pattern(0, 5'000'000)), Sent::kDone);
  EXPECT_FALSE(lab.writer().ready(0));
  EXPECT_TRUE(lab.receive() == pattern(0, 5'000'000));
  EXPECT_TRUE(lab.writer().ready(1000));
}

TEST(ShelfOverflow, SaysSoWhenTheHeapHasNoRoom) {
  for (const auto overflow :
       {Overflow::kBlock, Overflow::kFail, Overflow::kDropNewest, Overflow::kDropOldest}) {
    ShelfLab lab(full_of(QueueType::kPriority, overflow, 64, 1_GiB));
    SenderHeap small(lab.arena().endpoint(0).heap, 1 << 20);
    ShelfWriter writer(lab.arena(), 0, small);
    const auto message = pattern(1, 600 << 10);
    ASSERT_EQ(writer.send(message.data(), message.size(), 0, {}), Sent::kDone);
    const auto sent = writer.send(message.data(), message.size(), 0, {});
    EXPECT_EQ(sent, overflow == Overflow::kBlock  ? Sent::kTryAgain
                    : overflow == Overflow::kFail ? Sent::kRefused
                                                  : Sent::kDropped);
    EXPECT_EQ(writer.ready(message.size()), overflow != Overflow::kBlock);
    ASSERT_TRUE(lab.receive() == message);
    EXPECT_EQ(writer.send(message.data(), message.size(), 0, {}), Sent::kDone);
    lab.expect_sums();
  }
}

/// Room by capacity is no room without memory, and memory that came back counts.
TEST(ShelfOverflow, JudgesByTheHeapToo) {
  for (const auto overflow : {Overflow::kBlock, Overflow::kFail}) {
    ShelfLab lab(full_of(QueueType::kPriority, overflow, 8, 1_GiB));
    const auto size = lab.arena().endpoint(0).heap_size;
    const std::uint64_t rest = 4096;
    const auto most = lab.heap().allocate(size - rest);
    ASSERT_TRUE(most);
    const auto message = pattern(1, 3000);
    ASSERT_EQ(lab.send(message), Sent::kDone);
    const auto has_room = [&] {
      return overflow == Overflow::kFail ? !lab.writer().refuses(message.size())
                                         : lab.writer().ready(message.size());
    };
    EXPECT_FALSE(has_room());
    EXPECT_EQ(lab.receive(), message);
    EXPECT_TRUE(has_room());
    EXPECT_EQ(lab.send(message), Sent::kDone);
    lab.heap().free(*most, size - rest);
  }
}

TEST(ShelfCounts, TheHighWaterMarkExactly) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kBlock, 64));
  for (int i = 0; i < 100; ++i) {
    (void)lab.send("x");
    (void)lab.receive();
  }
  EXPECT_EQ(lab.record().high_water, 1u);
  for (int i = 0; i < 5; ++i) (void)lab.send("x");
  (void)lab.drain();
  (void)lab.send("x");
  EXPECT_EQ(lab.record().high_water, 5u);
  EXPECT_EQ(lab.record().bytes, 106u);
}

TEST(ShelfMemory, AllComesBack) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kDropOldest, 4));
  for (std::uint64_t i = 0; i < 50; ++i) {
    (void)lab.send(pattern(i, 1000), {.priority = static_cast<std::uint32_t>(i % 4)});
    if (i % 3 == 0) (void)lab.receive();
  }
  (void)lab.drain();
  (void)lab.send(pattern(0, 100));  // a sender looks at what came back when it sends
  (void)lab.receive();
  (void)lab.send(pattern(0, 100));
  (void)lab.receive();
  const auto all = lab.arena().endpoint(0).heap_size;
  EXPECT_TRUE(lab.heap().could_allocate(all - kLine * 2));
}

TEST(ShelfMemory, OfASharedBlockIsFreedByTheLastQueue) {
  auto arena = *Arena::create(plan_of(3, {{0, {1}, on_shelf({})}, {0, {2}, on_shelf({})}}));
  SenderHeap heap(arena, arena.endpoint(0));
  ShelfWriter writers[] = {{arena, 0, heap}, {arena, 1, heap}};
  ShelfReader readers[] = {{arena, 0, 1}, {arena, 1, 2}};
  const auto message = pattern(5, 1000);
  const auto at = heap.allocate(1000);
  std::memcpy(arena.base() + *at, message.data(), 1000);
  auto* block = new SharedBlock{.at = *at, .length = 1000, .holds = 1};
  ShelfMessage seen[2];
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(writers[i].send_shared(*block, 3, {}), Sent::kDone);
    ASSERT_EQ(readers[i].take(seen[i]), Taken::kPiece);
    EXPECT_EQ(seen[i].data, arena.base() + *at);
    EXPECT_EQ(seen[i].type, 3u);
  }
  EXPECT_EQ(block->holds, 3u);
  --block->holds;
  readers[0].give_back(seen[0].slot, seen[0].number);
  (void)writers[0].has_done();
  EXPECT_FALSE(heap.could_allocate(arena.endpoint(0).heap_size));
  readers[1].give_back(seen[1].slot, seen[1].number);
  (void)writers[1].has_done();
  EXPECT_TRUE(heap.could_allocate(arena.endpoint(0).heap_size));
}

TEST(ShelfMemory, OfUnreadMessagesComesBackWhenNobodyReceivesAnyMore) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kBlock, 4));
  for (std::uint64_t i = 0; i < 4; ++i) (void)lab.send(pattern(i, 1000));
  const auto held = lab.take();
  lab.reader().close();
  EXPECT_TRUE(lab.writer().receiver_closed());
  EXPECT_FALSE(lab.writer().ready(1));
  // Not what is looked at still.
  EXPECT_EQ(std::memcmp(held.data, pattern(0, 1000).data(), 1000), 0);
  EXPECT_FALSE(lab.heap().could_allocate(lab.arena().endpoint(0).heap_size));
  lab.give_back(held);
  EXPECT_TRUE(lab.writer().ready(1));
  EXPECT_TRUE(lab.heap().could_allocate(lab.arena().endpoint(0).heap_size));
  EXPECT_EQ(lab.there(), 3u);  // and are still counted as unread
}

TEST(ShelfLoans, CountAtOnceAndTravelWithoutACopy) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kBlock, 2, 1000_B));
  auto* first = lab.writer().reserve(600);
  ASSERT_NE(first, nullptr);
  EXPECT_FALSE(lab.writer().ready(401));
  auto* second = lab.writer().reserve(0);
  ASSERT_NE(second, nullptr);
  EXPECT_FALSE(lab.writer().ready(0));
  lab.writer().cancel(second, 0);
  EXPECT_TRUE(lab.writer().ready(400));
  (void)lab.send("between", {});
  std::memcpy(first, pattern(9, 600).data(), 600);
  EXPECT_EQ(lab.writer().send_reserved(first, 600, 7, {.priority = 1}), Sent::kDone);
  const auto message = lab.take();
  EXPECT_EQ(message.data, first);
  EXPECT_EQ(message.type, 7u);
  lab.give_back(message);
  EXPECT_EQ(lab.drain(), (Texts{"between"}));
  EXPECT_TRUE(lab.writer().ready(1000));
  EXPECT_TRUE(lab.heap().could_allocate(lab.arena().endpoint(0).heap_size));
  lab.expect_sums();
}

TEST(ShelfLoans, BeyondTheCapacityAreJudgedWhenTheyAreSent) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kDropOldest, 1));
  (void)lab.send("old", {.priority = 1});
  auto* less = lab.writer().reserve(100);
  auto* more = lab.writer().reserve(3);
  ASSERT_TRUE(less != nullptr && more != nullptr);
  std::memcpy(more, "new", 3);
  EXPECT_EQ(lab.writer().send_reserved(less, 100, 0, {.priority = 0}), Sent::kDropped);
  EXPECT_EQ(lab.writer().send_reserved(more, 3, 0, {.priority = 2}), Sent::kDone);
  EXPECT_EQ(lab.drain(), (Texts{"new"}));
  EXPECT_EQ(lab.drops(DropCause::kOverflow), 2u);
  (void)lab.writer().has_done();
  EXPECT_TRUE(lab.heap().could_allocate(lab.arena().endpoint(0).heap_size));
  lab.expect_sums();
}

TEST(ShelfLoans, AreLostLikeAnyMessage) {
  ShelfLab lab({.type = QueueType::kFifo, .link = {.loss_ppb = 1'000'000'000}});
  auto* memory = lab.writer().reserve(1000);
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(lab.writer().send_reserved(memory, 1000, 0, {}), Sent::kDone);
  EXPECT_TRUE(lab.heap().could_allocate(lab.arena().endpoint(0).heap_size));
  EXPECT_TRUE(lab.writer().ready(256 << 10));
  lab.expect_sums();
}

TEST(ShelfEnd, ComesAfterTheLastMessage) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kBlock, 4), 3);
  (void)lab.send("last");
  EXPECT_FALSE(lab.reader().ended());
  lab.writer().close();
  lab.writer().close();
  for (std::size_t r = 0; r < 3; ++r) EXPECT_FALSE(lab.reader(r).ended());
  EXPECT_EQ(lab.receive(1), "last");
  for (std::size_t r = 0; r < 3; ++r) EXPECT_TRUE(lab.reader(r).ended());
  // One of several must not close it: the queue VM does, after the last.
  lab.reader(0).close();
  EXPECT_FALSE(lab.writer().receiver_closed());
}

TEST(ShelfReaders, OverlookNothingWhenTheyWereLapped) {
  ShelfLab lab(full_of(QueueType::kPriority, Overflow::kBlock, 4), 2);
  const auto slots = lab.record().slot_count;
  // Reader 1 sleeps while reader 0 takes a few laps; then each sort of offset is left for it.
  for (std::uint32_t lap = 0; lap < 3 * slots + 7; ++lap) {
    (void)lab.send("gone");
    (void)lab.receive(0);
    if (lap % 5 == 0) {
      (void)lab.send("kept " + std::to_string(lap), {.priority = lap % 4});
      EXPECT_EQ(lab.receive(0), "kept " + std::to_string(lap));
    }
  }
  for (std::uint32_t i = 0; i < 4; ++i) (void)lab.send(std::to_string(i), {.priority = i});
  for (const auto* text : {"3", "2", "1", "0"}) EXPECT_EQ(lab.receive(1), text);
  EXPECT_FALSE(lab.reader(0).available());
}

TEST(ShelfReaders, KeepUpWithASenderThatDropsWhatIsOld) {
  ShelfLab lab(full_of(QueueType::kFifo, Overflow::kDropOldest, 4));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(lab.send(std::to_string(i)), Sent::kDone);
  EXPECT_EQ(lab.drain(), (Texts{"996", "997", "998", "999"}));
  lab.expect_sums();
}

/// The queue has room to spare, but what has expired in it still holds the sender's memory.
TEST(ShelfMemoryShortage, EndsWhenMessagesExpire) {
  for (const auto overflow : {Overflow::kBlock, Overflow::kDropNewest, Overflow::kFail}) {
    ShelfLab lab({.type = QueueType::kPriority,
                  .overflow = overflow,
                  .capacity = 8,
                  .time_to_live = hours(1)});
    SenderHeap small(lab.arena().endpoint(0).heap, 4 << 10);
    ShelfWriter writer(lab.arena(), 0, small);
    const auto message = pattern(1, 3'000);
    const auto send = [&] { return writer.send(message.data(), message.size(), 0, {}); };
    ASSERT_EQ(send(), Sent::kDone);
    EXPECT_NE(send(), Sent::kDone);
    EXPECT_EQ(writer.ready(message.size()), overflow != Overflow::kBlock);
    lab.advance(hours(1));
    EXPECT_TRUE(writer.ready(message.size()));
    EXPECT_FALSE(writer.refuses(message.size()));
    EXPECT_EQ(send(), Sent::kDone);
    EXPECT_EQ(lab.drops(DropCause::kExpired), 1u);
  }
}

}  // namespace
}  // namespace mvm::queue
