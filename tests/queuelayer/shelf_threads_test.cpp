// SPDX-License-Identifier: Apache-2.0
// Shelves with both ends at work at once. All threads work on one mapping, so that the thread
// sanitizer sees both sides.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "queue_ends.hpp"
#include "shelf_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kMessages = 3'000;
#else
constexpr std::uint64_t kMessages = 30'000;
#endif

/// Waits as a task does, until the policy lets the message go. What is there may expire meanwhile.
Sent send_patiently(ShelfLab& lab, const std::string& bytes, const MessageTerms& terms) {
  Waiter waiter(lab.arena().endpoint(0), lab.arena().header().clock);
  auto& writer = lab.writer();
  const auto patience = patience_of(lab.arena());
  writer.expect_room(true);
  auto sent = Sent::kTryAgain;
  while (sent == Sent::kTryAgain && lab.now() < patience) {
    const auto until = std::min(patience, writer.ready_at());
    if (waiter.wait([&] { return writer.ready(bytes.size()); }, until)) {
      sent = lab.send(bytes, terms);
    }
  }
  writer.expect_room(false);
  return sent;
}

/// False at the end of the stream. What is there may become due while this waits.
bool take_patiently(ShelfLab& lab, std::size_t r, ShelfMessage& message) {
  Waiter waiter(lab.arena().endpoint(static_cast<std::uint32_t>(r) + 1),
                lab.arena().header().clock);
  auto& reader = lab.reader(r);
  const auto patience = patience_of(lab.arena());
  while (lab.now() < patience) {
    const auto taken = reader.take(message);
    EXPECT_NE(taken, Taken::kCorrupt);
    if (taken != Taken::kNothing) return taken == Taken::kPiece;
    if (reader.ended()) return false;
    const auto until = std::min(patience, reader.available_at());
    const auto ready = [&] {
      return reader.available() || reader.ended() || reader.available_at() < until;
    };
    (void)waiter.wait(ready, until);
  }
  ADD_FAILURE() << "hangs";
  return false;
}

struct Case {
  QueueSpec queue;
  std::uint32_t receivers;
  const char* name;
};

class ShelfThreads : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(
    All, ShelfThreads,
    testing::Values(
        Case{{.type = QueueType::kFifo, .capacity = 16, .bytes = 4_KiB}, 3, "FifoBlock"},
        Case{{.type = QueueType::kPriority, .capacity = 2}, 4, "PriorityBlock"},
        Case{{.type = QueueType::kLifo, .capacity = 8}, 1, "LifoBlockAlone"},
        Case{{.type = QueueType::kPriority, .overflow = Overflow::kDropOldest, .capacity = 8},
             3,
             "PriorityDropOldest"},
        Case{{.type = QueueType::kFifo, .overflow = Overflow::kDropOldest, .capacity = 1},
             1,
             "FifoDropOldestAlone"},
        Case{{.type = QueueType::kPriority, .overflow = Overflow::kDropNewest, .capacity = 4},
             2,
             "PriorityDropNewest"},
        Case{{.type = QueueType::kLatest, .capacity = 3}, 1, "LatestAlone"},
        Case{{.type = QueueType::kLatest, .capacity = 3}, 3, "Latest"},
        Case{{.type = QueueType::kPriority,
              .capacity = 8,
              .link = {.latency = std::chrono::microseconds(20),
                       .jitter = std::chrono::microseconds(50)}},
             2,
             "PriorityDelayed"},
        Case{{.type = QueueType::kPriority,
              .capacity = 8,
              .time_to_live = std::chrono::microseconds(20)},
             2,
             "PriorityExpiring"}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

/// Every message has exactly one fate, and the counts say which.
TEST_P(ShelfThreads, EachMessageIsReceivedOnceOrDropped) {
  const auto& c = GetParam();
  std::mt19937 random(test_seed());
  ShelfLab lab(c.queue, c.receivers);
  std::vector<std::vector<std::uint64_t>> got(c.receivers);
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < c.receivers; ++r) {
    threads.emplace_back([&lab, &mine = got[r], r] {
      ShelfMessage message;
      while (take_patiently(lab, r, message)) {
        const auto number =
            number_of(std::string(reinterpret_cast<const char*>(message.data), message.length));
        ASSERT_TRUE(number);
        mine.push_back(*number);
        lab.give_back(message, r);
      }
    });
  }
  std::uint64_t dropped = 0;
  for (std::uint64_t n = 0; n < kMessages; ++n) {
    const auto length = 8 + random_below(random, random_below(random, 20) == 0 ? 3000 : 80);
    const auto priority = static_cast<std::uint32_t>(random_below(random, 4));
    const auto sent = send_patiently(lab, numbered(n, length), {.priority = priority});
    if (sent == Sent::kDropped) ++dropped;
    ASSERT_NE(sent, Sent::kTryAgain) << "hangs";
  }
  lab.writer().close();
  for (auto& thread : threads) thread.join();
  std::vector<std::uint64_t> all;
  const bool ordered = c.queue.type == QueueType::kFifo || c.queue.type == QueueType::kLatest;
  for (const auto& mine : got) {
    EXPECT_TRUE(!ordered || std::ranges::is_sorted(mine));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
  EXPECT_EQ(lab.record().enqueued, kMessages);
  EXPECT_EQ(lab.record().dequeued, all.size());
  EXPECT_EQ(lab.all_drops() + all.size(), kMessages);
  EXPECT_GE(lab.all_drops(), dropped);
  const bool may_drop = c.queue.overflow != Overflow::kBlock ||
                        c.queue.type == QueueType::kLatest || c.queue.time_to_live.count() > 0;
  EXPECT_TRUE(may_drop || all.size() == kMessages);
  EXPECT_TRUE(c.queue.type != QueueType::kLatest || all.back() == kMessages - 1);
  lab.expect_sums();
  (void)lab.writer().has_done();
  EXPECT_TRUE(lab.heap().could_allocate(lab.arena().endpoint(0).heap_size));
}

/// The only receiver says that it goes; a sender that waits for room is told.
TEST(ShelfWaits, EndWhenNobodyReceivesAnyMore) {
  ShelfLab lab({.type = QueueType::kPriority, .capacity = 1});
  (void)lab.send("x");
  std::thread waits([&lab] {
    Waiter waiter(lab.arena().endpoint(0), lab.arena().header().clock);
    lab.writer().expect_room(true);
    EXPECT_TRUE(
        waiter.wait([&] { return lab.writer().receiver_closed(); }, patience_of(lab.arena())));
  });
  lab.reader().close();
  waits.join();
}

}  // namespace
}  // namespace mvm::queue
