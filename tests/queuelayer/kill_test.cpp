// SPDX-License-Identifier: Apache-2.0
// Tasks die at any instruction of allocating, sending, receiving and releasing; the others must
// never notice more than the end of a stream or a closed queue.
//
// Each round forks real processes over one arena. The victim meets a breakpoint before a random
// operation, runs a random number of single instructions from there, and is killed; or it is
// stopped at a random moment instead. Then the queue VM's part is done for it, and the survivors
// have to finish. MVM_TEST_SEED repeats a run, MVM_KILLS sets the rounds of each test.
#include <gtest/gtest.h>
#include <sched.h>

#include <memory>
#include <numeric>

#include <mvm/queuelayer/channel_ends.hpp>

#include "edge_plan.hpp"
#include "kill_fixture.hpp"
#include "queue_ends.hpp"

namespace mvm::queue {
namespace {

constexpr std::uint64_t kMessages = 60;
constexpr std::size_t kMostHeld = 3;
constexpr std::uint32_t kMostTasks = 4;

/// What the processes of a round tell of themselves, in memory that they share.
struct Story {
  std::atomic<std::uint64_t> sent;                 ///< sends that returned
  std::atomic<std::uint64_t> received[kMessages];  ///< releases that returned, by message
  std::atomic<std::uint64_t> received_by[kMostTasks];
};

/// Where a victim is met.
struct Fate {
  std::uint64_t message;       ///< before this one; kMessages: at no mark
  bool before_second_step;     ///< before sending what was lent, or before releasing what was taken
  std::uint64_t instructions;  ///< from there
  useconds_t moment_us;        ///< when at no mark
};

Fate random_fate(std::mt19937& random) {
  Fate fate{};
  fate.message = random_below(random, 10) == 0 ? kMessages : random_below(random, kMessages);
  fate.before_second_step = random_below(random, 2) == 0;
  fate.instructions = random_instructions(random, 4000);
  fate.moment_us = static_cast<useconds_t>(random_below(random, 2000));
  return fate;
}

constexpr Fate kLives{~std::uint64_t{0}, false, 0, 0};

/// From a few bytes in a slot, over the data area, to fragments by way of the heap.
std::uint64_t length_of(std::uint64_t number) {
  static constexpr std::uint64_t kLengths[] = {8, 40, 49, 700, 3000, 17'000, 8, 90'000, 64, 1000};
  return kLengths[number % std::size(kLengths)];
}

enum Exit : int { kFine = 0, kWrong = 1, kHangs = 2, kOvertaken = 3 };

/// For who is to die at a random moment and came to its end before. Not asleep, or the steps to its
/// death would take for ever.
[[noreturn]] void await_death() {
  for (;;) ::sched_yield();
}

int send_all(const Arena& arena, Story& story, const Fate& fate) {
  SenderHeap heap(arena, arena.endpoint(0));
  BlockingSender sender(arena, 0, heap);
  for (std::uint64_t n = 0; n < kMessages; ++n) {
    const auto message = numbered(n, length_of(n));
    if (n == fate.message && !fate.before_second_step) TracedProcess::mark();
    auto sent = Posted::kYes;
    if (n % 4 == 1) {
      sent = sender.wait_for_room(message.size());
      std::byte* memory = sent == Posted::kYes ? sender.writer().reserve(message.size()) : nullptr;
      if (sent == Posted::kYes && memory == nullptr) return kWrong;
      if (n == fate.message && fate.before_second_step) TracedProcess::mark();
      if (sent == Posted::kYes) {
        std::memcpy(memory, message.data(), message.size());
        if (sender.writer().send_reserved(memory, message.size(), 0, {}) != Sent::kDone)
          return kWrong;
      }
    } else {
      if (n == fate.message && fate.before_second_step) TracedProcess::mark();
      sent = sender.send(message);
    }
    if (sent == Posted::kClosed) return kFine;
    if (sent == Posted::kTimedOut) return kHangs;
    ++story.sent;
  }
  if (fate.message == kMessages) await_death();
  sender.writer().close();
  return kFine;
}

/// One message that is seen, and the fragments of which are still to be released.
struct View {
  std::uint64_t number;
  std::uint64_t cookie;
};

int receive_all(const Arena& arena, Story& story, std::uint32_t self, bool competes,
                const Fate& fate) {
  BlockingReceiver receiver(arena, 0, self);
  std::vector<View> held;
  std::uint64_t taken = 0;
  // Mostly the oldest, but views may be released in any order.
  const auto release_one = [&] {
    if (taken == fate.message && fate.before_second_step) TracedProcess::mark();
    const auto view = taken % 3 == 0 ? held.end() - 1 : held.begin();
    receiver.reader().give_back(view->cookie, false);
    ++story.received[view->number];
    ++story.received_by[self];
    held.erase(view);
  };
  // It waits with empty hands only, or three who wait for each other's views would be stuck.
  const auto take_first = [&](Piece& piece) {
    for (; !held.empty(); release_one()) {
      if (held.size() == kMostHeld) continue;
      const auto at_once = receiver.reader().take(piece);
      if (at_once == Taken::kPiece) return Received::kMessage;
      if (at_once == Taken::kCorrupt) return Received::kCorrupt;
    }
    return receiver.take(piece);
  };
  for (std::uint64_t last = ~std::uint64_t{0};; ++taken) {
    if (taken == fate.message && !fate.before_second_step) TracedProcess::mark();
    std::string message;
    Piece piece;
    auto result = take_first(piece);
    for (;; result = receiver.take(piece)) {
      if (result == Received::kEnd) {
        if (fate.message == kMessages) await_death();
        return kFine;
      }
      if (result == Received::kTimedOut) return kHangs;
      if (result != Received::kMessage) return kWrong;
      message.append(reinterpret_cast<const char*>(piece.data), piece.length);
      if (!piece.more) break;
      receiver.reader().give_back(piece.cookie, true);
    }
    const auto number = number_of(message);
    if (!number || *number >= kMessages || message.size() != length_of(*number)) return kWrong;
    if (competes ? last != ~std::uint64_t{0} && *number <= last : *number != last + 1) {
      return kOvertaken;
    }
    last = *number;
    held.push_back({*number, piece.cookie});
  }
}

/// One group of processes, one of which dies.
class Round {
 public:
  Round(std::uint32_t receivers, std::uint32_t victim, const Fate& fate)
      : plan_(plan_of(receivers + 1, {{0, receivers_of(receivers), room_for(4, 8_KiB)}})),
        arena_(*Arena::create(plan_)),
        victim_(victim) {
    for (std::uint32_t task = 0; task <= receivers; ++task) {
      const Fate& own = task == victim ? fate : kLives;
      processes_.emplace_back([this, task, receivers, own] {
        return task == 0 ? send_all(arena_, *story, own)
                         : receive_all(arena_, *story, task, receivers > 1, own);
      });
    }
    for (std::uint32_t task = 0; task <= receivers; ++task) {
      if (task != victim) processes_[task].begin();
    }
    kill_victim(fate);
    ends_.task_ended(victim, true);
    for (std::uint32_t task = 0; task <= receivers; ++task) {
      if (task == victim) continue;
      EXPECT_EQ(processes_[task].finish(), kFine) << "task " << task << " of the survivors";
      // Receivers outlive their senders: the stream has to end for them.
      ends_.task_ended(task, false);
    }
  }

  control::ChannelCount figures() const { return ends_.figures()[0]; }
  std::uint64_t received_in_all() const {
    std::uint64_t all = 0;
    for (const auto& count : story->received) all += count;
    return all;
  }

  SharedByForks<Story> story;

 private:
  static std::vector<std::uint32_t> receivers_of(std::uint32_t receivers) {
    std::vector<std::uint32_t> tasks(receivers);
    std::iota(tasks.begin(), tasks.end(), 1);
    return tasks;
  }

  void kill_victim(const Fate& fate) {
    TracedProcess& process = processes_[victim_];
    process.trace();
    bool alive = false;
    if (fate.message < kMessages) {
      alive = process.run_to_mark();
    } else {
      ::usleep(fate.moment_us);  // the death is at a random time: nothing waits for it
      alive = process.interrupt();
    }
    if (alive) process.step(fate.instructions);
    process.kill();
  }

  WiringPlan plan_;
  Arena arena_;
  ChannelEnds ends_{plan_, arena_};
  std::uint32_t victim_;
  std::vector<TracedProcess> processes_;
};

class Kill : public KillFixture {
 protected:
  template <typename Check>
  void kill_one(std::uint32_t receivers, std::uint32_t victim, Check&& check) {
    repeat(120, [&](std::mt19937& random) {
      const auto fate = random_fate(random);
      SCOPED_TRACE(testing::Message()
                   << "message " << fate.message
                   << (fate.before_second_step ? ", second step, " : ", first step, ")
                   << fate.instructions << " instructions");
      const Round round(receivers, victim, fate);
      check(round);
    });
  }

  /// The receivers of a dead sender have all that it sent, in order, each once, and no more.
  static void check_dead_sender(const Round& round) {
    const auto received = round.received_in_all();
    for (std::uint64_t n = 0; n < kMessages; ++n) {
      ASSERT_EQ(round.story->received[n], n < received ? 1u : 0u) << "message " << n;
    }
    // The last may have been published by a send that never returned.
    EXPECT_GE(received, round.story->sent);
    EXPECT_LE(received, round.story->sent + 1);
    const auto figures = round.figures();
    EXPECT_EQ(figures.enqueued, received);
    EXPECT_EQ(figures.dequeued, received);
    EXPECT_EQ(figures.left + figures.lost_with_task, 0u);
  }
};

TEST_F(Kill, OfASenderIsTheEndOfItsStream) {
  kill_one(1, 0, [](const Round& round) { check_dead_sender(round); });
}

TEST_F(Kill, OfASenderToCompetitorsIsTheEndOfItsStream) {
  kill_one(3, 0, [](const Round& round) { check_dead_sender(round); });
}

TEST_F(Kill, OfTheReceiverClosesTheQueue) {
  kill_one(1, 1, [](const Round& round) {
    const auto received = round.received_in_all();
    const auto figures = round.figures();
    for (std::uint64_t n = 0; n < kMessages; ++n) ASSERT_LE(round.story->received[n], 1u);
    // One release may have died between counting and returning.
    EXPECT_GE(figures.dequeued, received);
    EXPECT_LE(figures.dequeued, received + 1);
    EXPECT_EQ(figures.left, 0u);
    EXPECT_EQ(figures.enqueued, figures.dequeued + figures.lost_with_task);
    EXPECT_EQ(figures.enqueued, round.story->sent);
  });
}

TEST_F(Kill, OfACompetitorTakesAlongOnlyWhatItHeld) {
  kill_one(3, 2, [](const Round& round) {
    const auto received = round.received_in_all();
    const auto figures = round.figures();
    for (std::uint64_t n = 0; n < kMessages; ++n) ASSERT_LE(round.story->received[n], 1u);
    EXPECT_EQ(round.story->sent, kMessages);  // nothing held the sender up
    EXPECT_LE(figures.lost_with_task, kMostHeld);
    EXPECT_EQ(figures.left, 0u);
    // The release that it died in may be finished but not counted, by the queue or by itself.
    EXPECT_LE(kMessages - received - figures.lost_with_task, 1u);
    EXPECT_LE(kMessages - figures.enqueued, 1u);
    EXPECT_EQ(figures.enqueued, figures.dequeued + figures.lost_with_task);
  });
}

}  // namespace
}  // namespace mvm::queue
