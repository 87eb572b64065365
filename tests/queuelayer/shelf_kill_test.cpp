// SPDX-License-Identifier: Apache-2.0
// Receivers that compete for a shelf, or its sender, die at any instruction. Whoever survives goes
// on to the end of the stream, and every message is accounted for exactly once.
//
// As in kill_test.cpp: real processes over one arena; the victim meets a breakpoint before a random
// operation, runs a random number of single instructions from there, and is killed.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include <mvm/queuelayer/channel_ends.hpp>

#include "kill_fixture.hpp"
#include "queue_ends.hpp"
#include "shelf_lab.hpp"

namespace mvm::queue {
namespace {

constexpr std::uint64_t kMessages = 60;
constexpr std::size_t kMostHeld = 2;
constexpr std::uint32_t kReceivers = 3;

/// What the processes tell of themselves, in memory that they share.
struct Story {
  std::atomic<std::uint64_t> sent;                 ///< sends that returned
  std::atomic<std::uint64_t> received[kMessages];  ///< releases that returned, by message
};

/// Where the victim is met.
struct Fate {
  std::uint64_t operation;     ///< before this one of its own
  std::uint64_t instructions;  ///< from there
};
constexpr Fate kLives{~std::uint64_t{0}, 0};

enum Exit : int { kFine = 0, kWrong = 1, kHangs = 2 };

int send_all(const Arena& arena, Story& story, const Fate& fate) {
  SenderHeap heap(arena, arena.endpoint(0));
  ShelfWriter writer(arena, 0, heap);
  Waiter waiter(arena.endpoint(0), arena.header().clock);
  for (std::uint64_t n = 0; n < kMessages; ++n) {
    const auto message = numbered(n, 8 + n % 5 * 40);
    if (n == fate.operation) TracedProcess::mark();
    for (auto sent = Sent::kTryAgain; sent == Sent::kTryAgain;) {
      writer.expect_room(true);
      if (!waiter.wait([&] { return writer.ready(message.size()); }, patience_of(arena))) {
        return kHangs;
      }
      writer.expect_room(false);
      sent = writer.send(message.data(), message.size(), 0,
                         {.priority = static_cast<std::uint32_t>(n % 4)});
    }
    ++story.sent;
  }
  writer.close();
  return kFine;
}

int receive_all(const Arena& arena, Story& story, std::uint32_t self, const Fate& fate) {
  ShelfReader reader(arena, 0, self);
  Waiter waiter(arena.endpoint(self), arena.header().clock);
  std::vector<std::pair<ShelfMessage, std::uint64_t>> held;
  const auto give_back = [&] {
    reader.give_back(held.front().first.slot, held.front().first.number);
    ++story.received[held.front().second];
    held.erase(held.begin());
  };
  for (std::uint64_t operation = 0;; ++operation) {
    if (operation == fate.operation) TracedProcess::mark();
    ShelfMessage message;
    const auto taken = reader.take(message);
    if (taken == Taken::kCorrupt) return kWrong;
    if (taken == Taken::kPiece) {
      const auto number =
          number_of(std::string(reinterpret_cast<const char*>(message.data), message.length));
      if (!number || *number >= kMessages) return kWrong;
      held.emplace_back(message, *number);
      if (held.size() == kMostHeld) give_back();
    } else if (!held.empty()) {
      give_back();  // nobody waits with something in hand, or all might
    } else if (reader.ended()) {
      return kFine;
    } else if (!waiter.wait([&] { return reader.available() || reader.ended(); },
                            patience_of(arena))) {
      return kHangs;
    }
  }
}

class ShelfKill : public KillFixture,
                  public testing::WithParamInterface<std::tuple<QueueType, Overflow>> {
 protected:
  /// One group of processes, of which one dies.
  void run(std::uint32_t victim, const Fate& fate) {
    const SharedByForks<Story> story;
    const auto [type, overflow] = GetParam();
    const auto plan =
        plan_of(kReceivers + 1,
                {{0,
                  {1, 2, 3},
                  {.type = type, .overflow = overflow, .capacity = kMostHeld, .bytes = 2_KiB}}});
    const auto arena = *Arena::create(plan);
    ChannelEnds ends(plan, arena);
    std::vector<TracedProcess> processes;
    for (std::uint32_t task = 0; task <= kReceivers; ++task) {
      const Fate own = task == victim ? fate : kLives;
      processes.emplace_back([&arena, &story, task, own] {
        return task == 0 ? send_all(arena, *story, own) : receive_all(arena, *story, task, own);
      });
    }
    for (std::uint32_t task = 0; task <= kReceivers; ++task) {
      if (task != victim) processes[task].begin();
    }
    processes[victim].trace();
    if (processes[victim].run_to_mark()) processes[victim].step(fate.instructions);
    processes[victim].kill();
    ends.task_ended(victim, true);
    for (std::uint32_t task = 0; task <= kReceivers; ++task) {
      if (task == victim) continue;
      EXPECT_EQ(processes[task].finish(), kFine) << "task " << task << " of the survivors";
      ends.task_ended(task, false);
    }
    check(arena, *story, ends.figures()[0], victim);
  }

  void check(const Arena& arena, const Story& story, const control::ChannelCount& figures,
             std::uint32_t victim) const {
    const ChannelRecord& record = arena.channel(0);
    std::uint64_t received = 0;
    for (const auto& count : story.received) {
      EXPECT_LE(count, 1u);
      received += count;
    }
    std::uint64_t dropped = 0;
    for (const auto& drop : record.sender_drops) dropped += drop;
    for (const auto& drop : record.receiver_drops) dropped += drop;
    std::uint64_t unread = 0;
    const auto* slots = reinterpret_cast<ShelfSlot*>(arena.base() + record.slots);
    for (std::uint32_t i = 0; i < record.slot_count; ++i) {
      unread += stamp_is_done(slots[i].stamp) ? 0 : 1;
    }
    EXPECT_TRUE(victim == 0 || story.sent == kMessages);  // nothing held the sender up
    EXPECT_EQ(unread, 0u);
    EXPECT_LE(figures.lost_with_task, kMostHeld + 1);
    // `enqueued` is never behind, and ahead by no more than the one message that was in the
    // victim's hands: sent and not yet published, or dropped or given back and not yet counted.
    const auto accounted = record.dequeued + dropped + figures.lost_with_task;
    EXPECT_GE(record.enqueued, accounted);
    EXPECT_LE(record.enqueued, accounted + 1);
    // One release may have died between counting and returning.
    EXPECT_GE(record.dequeued + 1, received);
    EXPECT_LE(record.dequeued, received + 1);
    EXPECT_EQ(figures.enqueued,
              figures.dequeued + figures.dropped() + figures.left + figures.lost_with_task);
  }

  void kill_one(bool sender_dies) {
    repeat(40, [&](std::mt19937& random) {
      const Fate fate{.operation = random_below(random, sender_dies ? kMessages : kMessages / 2),
                      .instructions = random_instructions(random, 3000)};
      const auto victim =
          sender_dies ? 0 : static_cast<std::uint32_t>(1 + random_below(random, kReceivers));
      run(victim, fate);
    });
  }
};
INSTANTIATE_TEST_SUITE_P(All, ShelfKill,
                         testing::Values(std::tuple(QueueType::kPriority, Overflow::kBlock),
                                         std::tuple(QueueType::kPriority, Overflow::kDropOldest),
                                         std::tuple(QueueType::kLatest, Overflow::kBlock)),
                         [](const auto& chosen) {
                           auto name = std::string(to_string(std::get<0>(chosen.param))) + "_" +
                                       std::string(to_string(std::get<1>(chosen.param)));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(ShelfKill, OfAReceiverTakesAlongOnlyWhatItHeld) {
  kill_one(false);
}

TEST_P(ShelfKill, OfTheSenderIsTheEndOfItsStream) {
  kill_one(true);
}

}  // namespace
}  // namespace mvm::queue
