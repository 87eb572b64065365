// SPDX-License-Identifier: Apache-2.0
// A shelf in memory that another task of the group wrote over.
#include <gtest/gtest.h>

#include <functional>

#include "queue_ends.hpp"
#include "shelf_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

std::atomic<std::uint64_t>& announced(ShelfLab& lab, std::uint64_t n) {
  auto* entries =
      reinterpret_cast<std::atomic<std::uint64_t>*>(lab.arena().base() + lab.record().announced);
  return entries[n % lab.record().slot_count];
}

TEST(ShelfCorruption, OfASlotIsNoticed) {
  const std::function<void(ShelfSlot&, const Arena&)> damages[] = {
      [](ShelfSlot& slot, const Arena&) { slot.kind = 0; },  // "in the slot", and too long for it
      [](ShelfSlot& slot, const Arena&) { slot.kind = kMoreFollows | kOutOfLine; },
      [](ShelfSlot& slot, const Arena& arena) { slot.at = arena.size().count - 199; },
      [](ShelfSlot& slot, const Arena&) { slot.at = ~Offset{0}; },
      [](ShelfSlot& slot, const Arena&) { slot.length = ~std::uint64_t{0}; },
      [](ShelfSlot& slot, const Arena&) { slot.length = kMaxMessage.count + 1; },
  };
  for (const auto& damage : damages) {
    ShelfLab lab({.type = QueueType::kPriority});
    (void)lab.send(pattern(0, 200));
    damage(lab.slot(0), lab.arena());
    ShelfMessage message;
    EXPECT_TRUE(lab.reader().available());
    EXPECT_EQ(lab.reader().take(message), Taken::kCorrupt);
    // And is not forgotten.
    (void)lab.send("x");
    EXPECT_TRUE(lab.reader().available());
    EXPECT_EQ(lab.reader().take(message), Taken::kCorrupt);
    lab.writer().close();
    EXPECT_FALSE(lab.reader().ended());
  }
}

TEST(ShelfCorruption, OfAnAnnouncementIsNoticed) {
  for (const std::uint64_t entry :
       {std::uint64_t{1} << kStampShift | 0xffffff, std::uint64_t{2} << kStampShift}) {
    ShelfLab lab({.type = QueueType::kPriority});
    (void)lab.send("x");
    announced(lab, 1) = entry;
    ShelfMessage message;
    EXPECT_EQ(lab.reader().take(message), Taken::kCorrupt);
  }
}

TEST(ShelfCorruption, OfTheRecordIsNoticed) {
  const std::function<void(ChannelRecord&)> damages[] = {
      [](ChannelRecord& record) { record.slots = ~Offset{0}; },
      [](ChannelRecord& record) { record.slots += 1; },
      [](ChannelRecord& record) { record.announced = ~Offset{7}; },
      [](ChannelRecord& record) { record.returned = ~Offset{7}; },
      [](ChannelRecord& record) { record.slot_count = ~0u; },
      [](ChannelRecord& record) { record.slot_count = 0; },
      [](ChannelRecord& record) { record.slot_count = 3; },
  };
  for (const auto& damage : damages) {
    ShelfLab lab({.type = QueueType::kPriority});
    damage(lab.record());
    ShelfReader reader(lab.arena(), 0, 1);
    ShelfWriter writer(lab.arena(), 0, lab.heap());
    ShelfMessage message;
    EXPECT_EQ(reader.take(message), Taken::kCorrupt);
    EXPECT_TRUE(writer.receiver_closed());
    EXPECT_FALSE(writer.ready(1));
    EXPECT_EQ(writer.send("x", 1, 0, {}), Sent::kTryAgain);
  }
}

TEST(ShelfCorruption, OfReturnsIsNotActedUpon) {
  ShelfLab lab({.type = QueueType::kPriority, .capacity = 2});
  (void)lab.send("a");
  (void)lab.send("b");
  auto* returned =
      reinterpret_cast<std::atomic<std::uint64_t>*>(lab.arena().base() + lab.record().returned);
  returned[1] = std::uint64_t{1} << kStampShift;             // nobody gave it back
  returned[2] = std::uint64_t{2} << kStampShift | 0xffffff;  // there is no such slot
  lab.record().released = ~std::uint64_t{0};
  lab.record().recount = 1;
  EXPECT_FALSE(lab.writer().ready(1));
  EXPECT_EQ(lab.drain(), (Texts{"a", "b"}));
}

/// The link keeps a list of what it has taken, by slot; a slot that is published while the link has
/// it must not tie the list into a ring.
TEST(ShelfCorruption, OfTakenSlotsLeavesTheListOfUnwantedOnesAnEnd) {
  ShelfLab lab({.type = QueueType::kPriority});
  ShelfReader relay(lab.arena(), 0, lab.arena().header().link, true);
  (void)lab.send("a");
  ShelfMessage message;
  ASSERT_EQ(relay.take(message), Taken::kPiece);
  lab.slot(message.slot).stamp = stamp_published(2);
  announced(lab, 2) = std::uint64_t{2} << kStampShift | message.slot;
  ASSERT_EQ(relay.take(message), Taken::kPiece);
  lab.record().unwanted = 1'000;
  EXPECT_TRUE(relay.take_unwanted().empty());
}

/// Whatever is written over the shelf while both ends go on: no crash, no endless loop, and no look
/// outside of the arena.
TEST(ShelfCorruption, AnywhereNeverLeavesTheArena) {
#if defined(__SANITIZE_THREAD__)
  constexpr std::uint32_t kRuns = 30;
#else
  constexpr std::uint32_t kRuns = 400;
#endif
  const auto seed = test_seed();
  for (std::uint32_t run = 0; run < kRuns; ++run) {
    std::mt19937 random(seed + run);
    const QueueType types[] = {QueueType::kFifo, QueueType::kPriority, QueueType::kLatest};
    ShelfLab lab(
        {.type = types[random_below(random, 3)],
         .overflow = random_below(random, 2) == 0 ? Overflow::kBlock : Overflow::kDropOldest,
         .capacity = 8,
         .time_to_live = hours(random_below(random, 2))},
        2);
    auto& record = lab.record();
    const struct {
      Offset at;
      std::uint64_t length;
    } parts[] = {
        {record.slots, record.slot_count * sizeof(ShelfSlot)},
        {record.announced, record.slot_count * sizeof(std::uint64_t)},
        {record.returned, 2 * record.slot_count * sizeof(std::uint64_t)},
        {static_cast<Offset>(reinterpret_cast<std::byte*>(&record.enqueued) - lab.arena().base()),
         sizeof record - offsetof(ChannelRecord, enqueued)},
    };
    std::uint64_t sent = 0;
    for (int step = 0; step < 200; ++step) {
      const auto reader = static_cast<std::size_t>(random_below(random, 2));
      switch (random_below(random, 6)) {
        case 0: {
          const auto& part = parts[random_below(random, std::size(parts))];
          auto* at = lab.arena().base() + part.at + random_below(random, part.length);
          *at = static_cast<std::byte>(random());
          break;
        }
        case 1:
        case 2:
          if (lab.writer().ready(100)) {
            (void)lab.send(pattern(sent++, random_below(random, 200)),
                           {.priority = static_cast<std::uint32_t>(random())});
          }
          break;
        default: {
          ShelfMessage message;
          (void)lab.reader(reader).ended();
          if (lab.reader(reader).take(message) != Taken::kPiece) break;
          const auto at = static_cast<Offset>(message.data - lab.arena().base());
          ASSERT_NE(lab.arena().find(at, message.length), nullptr) << "seed " << seed + run;
          if (random_below(random, 3) != 0) lab.give_back(message, reader);
        }
      }
    }
  }
}

}  // namespace
}  // namespace mvm::queue
