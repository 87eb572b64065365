// SPDX-License-Identifier: Apache-2.0
// Queues that are no plain FIFO, between machines: type and policies hold from end to end.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <mvm/base/clock.hpp>

#include "link_channel.hpp"
#include "linked_machines.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

class ShelfLink : public testing::TestWithParam<Wire> {};
INSTANTIATE_TEST_SUITE_P(Over, ShelfLink, testing::ValuesIn(kWires),
                         [](const auto& chosen) { return name_of(chosen.param); });

QueueSpec shelf(QueueType type, Overflow overflow, std::uint32_t capacity) {
  auto queue = room_for(capacity, 1_MiB);
  queue.type = type;
  queue.overflow = overflow;
  return queue;
}

/// Sends as soon as the policy has decided.
void send(BlockingSender& sender, const std::string& message, std::uint32_t priority = 0,
          std::int64_t deadline_ns = kNever) {
  auto sent = Sent::kTryAgain;
  while (sent == Sent::kTryAgain) {
    ASSERT_EQ(sender.wait_for_room(message.size()), Posted::kYes);
    sent = sender.writer().send(message.data(), message.size(), 0, {priority, deadline_ns});
  }
}

/// Waits until the link has moved so many messages of edge 0 to machine 1.
void wait_for_arrivals(LinkedGroup& group, std::uint64_t count) {
  const auto arrived = [&] { return group[1].link().figures().channels.at(0).passed; };
  for (int i = 0; i < 20'000 && arrived() < count; ++i) ::usleep(1000);
  ASSERT_GE(arrived(), count);
}

TEST_P(ShelfLink, LetsAnUrgentMessageOvertakeAFullQueue) {
  LinkedGroup group(GetParam(), {0, 1},
                    {{0, {1}, shelf(QueueType::kPriority, Overflow::kDropOldest, 8)}});
  auto sender = group[0].sender(0);
  for (int i = 0; i < 8; ++i) send(sender, "lesser", 0);
  wait_for_arrivals(group, 8);
  send(sender, "urgent", 3);
  wait_for_arrivals(group, 9);
  auto receiver = group[1].receiver(0, 1);
  std::string got;
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_EQ(got, "urgent");
  sender.writer().close();
  int lesser = 0;
  while (receiver.receive(got) == Received::kMessage) lesser += got == "lesser" ? 1 : 0;
  EXPECT_EQ(lesser, 7);  // the oldest made room
  const auto drops = group[1].figures(0).drops;
  EXPECT_EQ(drops[static_cast<std::size_t>(DropCause::kOverflow)], 1u);
}

TEST_P(ShelfLink, GivesTheNewestOfLatest) {
  LinkedGroup group(GetParam(), {0, 1}, {{0, {1}, shelf(QueueType::kLatest, Overflow::kBlock, 8)}});
  auto sender = group[0].sender(0);
  for (std::uint64_t n = 0; n < 500; ++n) send(sender, numbered(n, 100));
  auto receiver = group[1].receiver(0, 1);
  std::string got;
  std::optional<std::uint64_t> last;
  while (last != 499u) {
    ASSERT_EQ(receiver.receive(got), Received::kMessage);
    const auto number = number_of(got);
    ASSERT_TRUE(number && (!last || *number > *last));
    last = number;
  }
}

TEST_P(ShelfLink, GivesTheNewestOfLifoAndTheEarliestDeadlineFirst) {
  for (const auto type : {QueueType::kLifo, QueueType::kDeadline}) {
    LinkedGroup group(GetParam(), {0, 1}, {{0, {1}, shelf(type, Overflow::kBlock, 16)}});
    auto sender = group[0].sender(0);
    const auto soon = group_now_ns(group[0].arena().header().clock) + 3'600'000'000'000;
    for (std::uint64_t n = 0; n < 16; ++n) {
      send(sender, numbered(n, 64), 0, soon - static_cast<std::int64_t>(n));
    }
    wait_for_arrivals(group, 16);
    auto receiver = group[1].receiver(0, 1);
    std::string got;
    for (std::uint64_t n = 16; n-- > 0;) {
      ASSERT_EQ(receiver.receive(got), Received::kMessage);
      EXPECT_EQ(number_of(got), n);
    }
  }
}

TEST_P(ShelfLink, KeepsALatency) {
  auto queue = room_for(16);
  queue.link.latency = std::chrono::milliseconds(40);
  LinkedGroup group(GetParam(), {0, 1}, {{0, {1}, queue}});
  auto sender = group[0].sender(0);
  const auto begin = monotonic_ns();
  send(sender, "late");
  auto reader = std::make_unique<ShelfReader>(group[1].arena(), 0, 0);
  while (!reader->available()) ::usleep(200);
  EXPECT_GE(monotonic_ns() - begin, 40'000'000);
}

TEST_P(ShelfLink, DropsWhatHasExpiredAndFreesItsPlace) {
  auto queue = room_for(2);
  queue.time_to_live = std::chrono::milliseconds(20);
  LinkedGroup group(GetParam(), {0, 1}, {{0, {1}, queue}});
  auto sender = group[0].sender(0);
  send(sender, "a");
  send(sender, "b");
  wait_for_arrivals(group, 2);
  ::usleep(40'000);
  ShelfReader reader(group[1].arena(), 0, 0);
  EXPECT_FALSE(reader.available());
  send(sender, "c");
  send(sender, "d");
  EXPECT_EQ(group[1].figures(0).drops[static_cast<std::size_t>(DropCause::kExpired)] +
                group[0].figures(0).drops[static_cast<std::size_t>(DropCause::kExpired)],
            2u);
}

/// Every message has one fate, and all of them are counted; whatever type, policy and length.
TEST_P(ShelfLink, GivesEveryMessageOneFate) {
  const auto seed = test_seed();
  constexpr std::uint64_t kMessages = 150;
  for (const auto type : {QueueType::kFifo, QueueType::kPriority, QueueType::kLifo,
                          QueueType::kLatest, QueueType::kDeadline}) {
    for (const auto overflow : {Overflow::kBlock, Overflow::kDropOldest, Overflow::kDropNewest}) {
      SCOPED_TRACE(std::string(to_string(type)) + " " + std::string(to_string(overflow)));
      auto queue = shelf(type, overflow, 6);
      queue.levels = 4;
      LinkedGroup group(GetParam(), {0, 1}, {{0, {1}, queue}});
      std::thread sends([&] {
        std::mt19937 random(seed);
        auto sender = group[0].sender(0);
        for (std::uint64_t n = 0; n < kMessages; ++n) {
          const auto length = 8 + random_below(random, n % 10 == 0 ? 400'000 : 3'000);
          send(sender, numbered(n, length), static_cast<std::uint32_t>(random_below(random, 4)),
               static_cast<std::int64_t>(random_below(random, 1'000)) + 4'000'000'000'000'000);
          if (random_below(random, 20) == 0) ::usleep(500);
        }
        // The messages must outlive their writer until they are received.
        group[0].task_ended(0, false);
        while (group[0].arena().channel(0).receiver_closed.load() == 0) ::usleep(1000);
      });
      std::set<std::uint64_t> seen;
      auto receiver = group[1].receiver(0, 1);
      std::string got;
      while (receiver.receive(got) == Received::kMessage) {
        const auto number = number_of(got);
        ASSERT_TRUE(number) << got.size() << " bytes";
        EXPECT_TRUE(seen.insert(*number).second) << "twice: " << *number;
      }
      group[1].task_ended(1, false);
      sends.join();
      std::thread settles([&] { EXPECT_TRUE(group[1].link().settle(kPatience)); });
      EXPECT_TRUE(group[0].link().settle(kPatience));
      settles.join();
      const auto here = group[0].figures(0);
      const auto there = group[1].figures(0);
      const auto relayed = group[0].arena().channel(0).relayed.load();
      EXPECT_EQ(group[0].arena().channel(0).enqueued.load(), kMessages);
      EXPECT_EQ(there.dequeued, seen.size());
      EXPECT_EQ(relayed, seen.size());
      EXPECT_EQ(seen.size() + here.dropped() + there.dropped(), kMessages);
      EXPECT_EQ(here.left + there.left, 0u);
    }
  }
}

/// Between two pieces of a large lesser message a more urgent one leaves first.
TEST(ShelfOutlet, LetsAnUrgentMessageOvertakeALargeOneThatHasBegun) {
  auto queue = shelf(QueueType::kPriority, Overflow::kBlock, 8);
  queue.bytes = 16_MiB;
  LinkedMachine machine(
      plan_of_machine(0, {0, 1}, {"ipc:///unused/0", "ipc:///unused/1"}, {{0, {1}, queue}}));
  auto sender = machine.sender(0);
  const auto outlet = make_shelf_outlet(machine.arena(), 0, {.messages = 8});
  LinkCounters counters;
  std::vector<std::string> order;
  LinkSession session(
      {0, 1, 1}, 1'000'000'000,
      [&](std::string_view head, std::string_view tail) {
        FrameReader reader(head.substr(kParcelHeadBytes), tail);
        LinkFrame frame;
        while (reader.next(frame) == FrameReader::Read::kFrame) {
          order.push_back(frame.priority == 0 ? "large" : "urgent");
        }
        return true;
      },
      counters);
  const auto large = pattern(1, 40 * kFragmentBytes);
  ASSERT_NE(sender.writer().send(large.data(), large.size(), 0, {.priority = 0}), Sent::kTryAgain);
  const auto turn = [&] {
    ASSERT_TRUE(outlet->pump(session));
    session.flush(1);
  };
  turn();
  ASSERT_EQ(order, std::vector<std::string>{"large"});
  ASSERT_NE(sender.writer().send("now", 3, 0, {.priority = 3}), Sent::kTryAgain);
  turn();
  ASSERT_GE(order.size(), 2u);
  EXPECT_EQ(order[1], "urgent");
}

/// What the sender took down keeps its slot while the other machine has it. However fast the sender
/// is and however slow that machine, the newest messages find one.
TEST(ShelfOutlet, LeavesSlotsForAFullQueueBesideWhatIsUnwanted) {
  LinkedMachine machine(
      plan_of_machine(0, {0, 1}, {"ipc:///unused/0", "ipc:///unused/1"},
                      {{0, {1}, shelf(QueueType::kFifo, Overflow::kDropOldest, 2)}}));
  auto sender = machine.sender(0);
  const auto outlet = make_shelf_outlet(machine.arena(), 0, {.messages = 2});
  LinkCounters counters;
  LinkSession session(
      {0, 1, 1}, 1'000'000'000, [](std::string_view, std::string_view) { return true; }, counters);
  for (std::uint64_t n = 0; n < 50; ++n) {
    const auto message = numbered(n, 8);
    ASSERT_EQ(sender.writer().send(message.data(), message.size(), 0, {}), Sent::kDone) << n;
    ASSERT_TRUE(outlet->pump(session));
    session.flush(1);
  }
}

/// Tasks can write anything over a shelf; that ends their group, and never the queue VM.
TEST(ShelfOutlet, NoticesTwoMessagesOfOneNumber) {
  LinkedMachine machine(
      plan_of_machine(0, {0, 1}, {"ipc:///unused/0", "ipc:///unused/1"},
                      {{0, {1}, shelf(QueueType::kPriority, Overflow::kBlock, 8)}}));
  auto sender = machine.sender(0);
  const auto outlet = make_shelf_outlet(machine.arena(), 0, {.messages = 8});
  LinkCounters counters;
  LinkSession session(
      {0, 1, 1}, 1'000'000'000, [](std::string_view, std::string_view) { return true; }, counters);
  auto& record = machine.arena().channel(0);
  auto* base = machine.arena().base();
  auto* slots = reinterpret_cast<ShelfSlot*>(base + record.slots);
  for (const auto i : {3, 5}) {
    slots[i].rank = i;
    slots[i].stamp = stamp_published(1);
  }
  // As if this end had been lapped: then it looks for messages by their stamps.
  const std::uint64_t lap = record.slot_count + 1;
  reinterpret_cast<std::atomic<std::uint64_t>*>(base + record.announced)[1] = lap << kStampShift;
  const auto pumped = outlet->pump(session);
  ASSERT_FALSE(pumped);
  EXPECT_EQ(pumped.error().code, ErrorCode::kArena);
}

}  // namespace
}  // namespace mvm::queue
