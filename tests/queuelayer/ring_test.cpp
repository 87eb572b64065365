// SPDX-License-Identifier: Apache-2.0
// The contract of a FIFO channel: a ring where there is one receiver, a shelf where receivers
// compete. All threads work on one mapping, so that the thread sanitizer sees both sides.
#include <mvm/queuelayer/queue_reader.hpp>
#include <mvm/queuelayer/queue_writer.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <numeric>
#include <thread>

#include "ring_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

class Fifo : public testing::TestWithParam<std::uint32_t> {
 protected:
  std::uint32_t receivers() const { return GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Receivers, Fifo, testing::Values(1u, 3u), [](const auto& chosen) {
  return chosen.param == 1 ? std::string("One") : std::string("Competing");
});

TEST_P(Fifo, CarriesMessagesOfEveryLength) {
  Lab lab(receivers(), room_for(4));
  std::vector<std::uint64_t> lengths(201);
  std::iota(lengths.begin(), lengths.end(), 0);
  for (std::uint64_t length = 4 << 10; length <= 1 << 20; length *= 4) {
    for (const int off : {-1, 0, 1}) lengths.push_back(length + static_cast<std::uint64_t>(off));
  }
  lengths.insert(lengths.end(), {tape::kWholeBytes - 1, tape::kWholeBytes, tape::kWholeBytes + 1,
                                 100'000, 777'777});
  std::string got;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto message = pattern(i, lengths[i]);
    lab.write(message);
    ASSERT_EQ(lab.receiver(i % receivers()).receive(got), Received::kMessage);
    ASSERT_TRUE(got == message) << lengths[i] << " bytes";
  }
}

TEST_P(Fifo, KeepsTheElementType) {
  Lab lab(receivers(), room_for(4));
  for (const std::uint64_t length : {0, 48, 49, 20'000}) {
    const auto message = pattern(1, length);
    ASSERT_TRUE(lab.writer().ready(length));
    ASSERT_TRUE(lab.writer().send(message.data(), length, kTypeMask, {}) == Sent::kDone);
    Piece piece;
    do {
      piece = lab.take();
      EXPECT_EQ(piece.type, kTypeMask);
      EXPECT_EQ(piece.message_length, length);
      lab.give_back(piece);
    } while (piece.more);
  }
}

TEST_P(Fifo, DeliversInOrderAndExactlyOnce) {
  const auto seed = test_seed();
  const std::uint64_t messages = 20'000 / kScale;
  Lab lab(receivers(), room_for(16, 4_KiB));
  std::vector<std::vector<std::uint64_t>> got(receivers());
  std::vector<std::thread> threads;
  for (std::uint32_t r = 0; r < receivers(); ++r) {
    threads.emplace_back([&lab, &mine = got[r], r] {
      std::string message;
      for (;;) {
        const auto received = lab.receiver(r).receive(message);
        if (received == Received::kEnd) return;
        ASSERT_EQ(received, Received::kMessage);
        const auto number = number_of(message);
        ASSERT_TRUE(number);
        mine.push_back(*number);
      }
    });
  }
  std::mt19937 random(seed);
  for (std::uint64_t n = 0; n < messages; ++n) {
    const auto length = 8 + random_below(random, random_below(random, 50) == 0 ? 30'000 : 300);
    ASSERT_EQ(lab.sender().send(numbered(n, length)), Posted::kYes);
  }
  lab.writer().close();
  for (auto& thread : threads) thread.join();
  std::vector<std::uint64_t> all;
  for (const auto& mine : got) {
    EXPECT_TRUE(std::ranges::is_sorted(mine));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::ranges::sort(all);
  ASSERT_EQ(all.size(), messages);
  for (std::uint64_t n = 0; n < messages; ++n) ASSERT_EQ(all[n], n);
  EXPECT_EQ(lab.arena().channel(0).enqueued, messages);
  EXPECT_EQ(lab.arena().channel(0).dequeued, messages);
}

TEST_P(Fifo, HoldsExactlyItsCapacityOfMessages) {
  for (const std::uint32_t capacity : {1u, 2u, 5u, 64u}) {
    Lab lab(receivers(), room_for(capacity));
    for (int lap = 0; lap < 200; ++lap) {
      for (std::uint32_t i = 0; i < capacity; ++i) lab.write(pattern(i, i % 60));
      ASSERT_FALSE(lab.writer().ready(0));
      const auto first = lab.take();
      ASSERT_FALSE(lab.writer().ready(0));  // seen is not yet received
      lab.give_back(first);
      ASSERT_TRUE(lab.writer().ready(0));
      std::string rest;
      for (std::uint32_t i = 1; i < capacity; ++i) {
        ASSERT_EQ(lab.receiver(i % receivers()).receive(rest), Received::kMessage);
        ASSERT_EQ(rest, pattern(i, i % 60));
      }
    }
  }
}

TEST_P(Fifo, HoldsExactlyItsCapacityOfBytes) {
  Lab lab(receivers(), room_for(64, 1000_B));
  lab.write(pattern(0, 600));
  EXPECT_FALSE(lab.writer().ready(401));
  EXPECT_TRUE(lab.writer().ready(400));
  lab.write(pattern(1, 400));
  EXPECT_FALSE(lab.writer().ready(1));
  EXPECT_TRUE(lab.writer().ready(0));
  const auto first = lab.take();
  EXPECT_FALSE(lab.writer().ready(1));
  lab.give_back(first);
  EXPECT_TRUE(lab.writer().ready(600));
  EXPECT_FALSE(lab.writer().ready(601));
}

TEST_P(Fifo, AdmitsALargerMessageOnlyWhenEmpty) {
  Lab lab(receivers(), room_for(64, 1000_B));
  EXPECT_TRUE(lab.writer().ready(5000));
  lab.write("x");
  EXPECT_FALSE(lab.writer().ready(5000));
  std::string got;
  ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
  lab.write(pattern(3, 5'000'000));
  EXPECT_FALSE(lab.writer().ready(0));
  ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
  EXPECT_TRUE(got == pattern(3, 5'000'000));
  EXPECT_TRUE(lab.writer().ready(5000));
}

TEST_P(Fifo, LendsMemoryThatCountsAtOnce) {
  Lab lab(receivers(), room_for(2, 1000_B));
  auto* first = lab.writer().reserve(600);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ((first - lab.arena().base()) % static_cast<std::ptrdiff_t>(kLine), 0);
  EXPECT_FALSE(lab.writer().ready(401));
  auto* second = lab.writer().reserve(10);
  ASSERT_NE(second, nullptr);
  EXPECT_FALSE(lab.writer().ready(0));
  EXPECT_FALSE(lab.reader().available());
  EXPECT_EQ(lab.received(), 0u);  // lent is neither sent nor released
  lab.writer().cancel(second, 10);
  EXPECT_EQ(lab.received(), 0u);
  EXPECT_TRUE(lab.writer().ready(400));
  EXPECT_FALSE(lab.writer().ready(401));
  const auto message = pattern(9, 600);
  std::memcpy(first, message.data(), 600);
  ASSERT_EQ(lab.writer().send_reserved(first, 600, 7, {}), Sent::kDone);
  const auto piece = lab.take();
  EXPECT_EQ(piece.data, first);  // nothing was copied
  EXPECT_EQ(bytes_of(piece), message);
  EXPECT_EQ(piece.type, 7u);
  EXPECT_EQ(lab.received(), 0u);
  lab.give_back(piece);
  EXPECT_EQ(lab.received(), 1u);
  EXPECT_TRUE(lab.writer().ready(1000));
}

TEST_P(Fifo, SendsLoansInAnyOrderAmongOthers) {
  Lab lab(receivers(), room_for(8));
  std::vector<std::byte*> lent;
  for (std::uint64_t i = 0; i < 3; ++i) {
    lent.push_back(lab.writer().reserve(100));
    ASSERT_NE(lent[i], nullptr);
    std::memcpy(lent[i], pattern(i, 100).data(), 100);
  }
  ASSERT_EQ(lab.writer().send_reserved(lent[2], 100, 0, {}), Sent::kDone);
  lab.write(pattern(3, 10));
  ASSERT_EQ(lab.writer().send_reserved(lent[0], 100, 0, {}), Sent::kDone);
  lab.writer().cancel(lent[1], 100);
  lab.write(pattern(4, 200));
  std::string got;
  for (const auto& wanted : {pattern(2, 100), pattern(3, 10), pattern(0, 100), pattern(4, 200)}) {
    ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
    EXPECT_EQ(got, wanted);
  }
  EXPECT_EQ(lab.received(), 4u);
}

/// A ring goes round: the oldest fragment must come back before its slot can be used again.
TEST(Ring, TakesBackInOrderWhatIsReleasedInAnyOrder) {
  Lab lab(1, room_for(4));
  for (int lap = 0; lap < 100; ++lap) {
    std::vector<Piece> views;
    for (std::uint64_t i = 0; i < 4; ++i) lab.write(pattern(i, 10 + i * 40));
    for (int i = 0; i < 4; ++i) views.push_back(lab.take());
    for (const std::size_t i : {2u, 1u, 3u}) {
      lab.give_back(views[i]);
      ASSERT_FALSE(lab.writer().ready(1));
      ASSERT_EQ(bytes_of(views[0]), pattern(0, 10));
    }
    lab.give_back(views[0]);
    ASSERT_TRUE(lab.writer().ready(1));
    ASSERT_EQ(lab.received(), 4u * (static_cast<unsigned>(lap) + 1));
  }
}

/// Messages like the one before go a shorter way, in at the sender and out at the receiver.
TEST(Ring, CarriesRunsOfLikeMessagesByTheShortWay) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  Lab lab(1, room_for(16, 64_KiB));
  RingWriter& writer = *lab.writer().ring();
  RingReader& reader = *lab.reader().ring();
  std::deque<std::string> sent;
  std::uint64_t length = 8;
  std::uint64_t copied = 0;
  for (std::uint64_t n = 0; n < 50'000 / kScale; ++n) {
    if (random_below(random, 20) == 0) {
      const std::uint64_t lengths[] = {0,   1,    8,     9,     64,     192,
                                       193, 1024, 5'000, 9'000, 16'384, 40'000};
      length = lengths[random_below(random, std::size(lengths))];
    }
    const auto message = pattern(n, length);
    const bool room = sent.size() < 16 && writer.has_room(length);
    ASSERT_EQ(writer.try_write(message.data(), length, 7), room) << "seed " << seed;
    if (room) sent.push_back(message);
    for (auto some = random_below(random, 3); some > 0 && !sent.empty(); --some) {
      std::string got(sent.front().size(), '?');
      if (reader.try_copy(got.data(), got.size(), 7)) {
        ++copied;
      } else {
        std::string whole;
        ASSERT_EQ(lab.receiver().receive(whole), Received::kMessage);
        got = whole;
      }
      ASSERT_TRUE(got == sent.front()) << "seed " << seed << " message " << n;
      sent.pop_front();
    }
    ASSERT_FALSE(reader.try_copy(nullptr, 8, 9));  // of another type, or not there
  }
  EXPECT_GT(copied, 10'000 / kScale);
}

TEST_P(Fifo, EndsAfterTheLastMessage) {
  Lab lab(receivers(), room_for(4));
  lab.write("last");
  EXPECT_FALSE(lab.reader().ended());
  lab.writer().close();
  lab.writer().close();
  EXPECT_FALSE(lab.reader().ended());
  std::string got;
  ASSERT_EQ(lab.receiver().receive(got), Received::kMessage);
  EXPECT_EQ(got, "last");
  for (std::size_t r = 0; r < lab.receivers(); ++r) {
    EXPECT_TRUE(lab.reader(r).ended());
    EXPECT_EQ(lab.receiver(r).receive(got), Received::kEnd);
  }
}

TEST_P(Fifo, TellsTheSenderThatNobodyReceives) {
  Lab lab(receivers(), room_for(1));
  lab.write("x");
  std::thread waits([&lab] { EXPECT_EQ(lab.sender().send("y"), Posted::kClosed); });
  lab.reader().close();
  if (receivers() > 1) {
    // One of several must not close it: the queue VM does, after the last.
    EXPECT_FALSE(lab.writer().receiver_closed());
    lab.arena().channel(0).receiver_closed.store(1, std::memory_order_release);
    ring(lab.arena().endpoint(0));
  }
  waits.join();
  EXPECT_TRUE(lab.writer().receiver_closed());
}

TEST_P(Fifo, WrapsAroundItsDataArea) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  Lab lab(receivers(), room_for(8, 6000_B));
  std::deque<std::string> sent;
  std::string got;
  for (std::uint64_t n = 0; n < 10'000 / kScale; ++n) {
    auto message = pattern(n, 49 + random_below(random, 3000));
    while (!lab.writer().ready(message.size())) {
      ASSERT_FALSE(sent.empty());
      ASSERT_EQ(lab.receiver(n % receivers()).receive(got), Received::kMessage);
      ASSERT_TRUE(got == sent.front());
      sent.pop_front();
    }
    lab.write(message);
    sent.push_back(std::move(message));
  }
}

/// What was given back may be used again, what was not may never: a view keeps its bytes.
TEST_P(Fifo, NeverWritesOverWhatIsStillSeen) {
  std::mt19937 random(test_seed());
  Lab lab(receivers(), room_for(16, 8_KiB));
  struct View {
    Piece piece;
    std::size_t reader;
    std::string wanted;
  };
  std::deque<std::string> sent;
  std::vector<View> views;
  for (std::uint64_t n = 0; n < 20'000 / kScale; ++n) {
    const auto message = pattern(n, random_below(random, 2000));
    if (random_below(random, 2) == 0 && lab.writer().ready(message.size())) {
      lab.write(message);
      sent.push_back(message);
    } else if (!sent.empty() && random_below(random, 2) == 0) {
      const auto r = static_cast<std::size_t>(random_below(random, receivers()));
      views.push_back({lab.take(r), r, sent.front()});
      sent.pop_front();
    } else if (!views.empty()) {
      const auto at = static_cast<std::ptrdiff_t>(random_below(random, views.size()));
      const auto view = views[static_cast<std::size_t>(at)];
      ASSERT_EQ(bytes_of(view.piece), view.wanted);
      lab.give_back(view.piece, view.reader);
      views.erase(views.begin() + at);
    }
  }
  for (const auto& view : views) ASSERT_EQ(bytes_of(view.piece), view.wanted);
}

/// Room is exactly what the capacity leaves, whatever was sent, lent, cancelled, seen and released.
TEST_P(Fifo, AgreesWithItsModelInRandomRuns) {
  const auto seed = test_seed();
  for (std::uint32_t run = 0; run < 40 / kScale; ++run) {
    std::mt19937 random(seed + run);
    const auto capacity = static_cast<std::uint32_t>(1 + random_below(random, 12));
    const auto bytes = 1 + random_below(random, 20'000);
    Lab lab(receivers(), room_for(capacity, Bytes{bytes}));
    struct Lent {
      std::byte* memory;
      std::uint64_t length;
    };
    std::vector<Lent> lent;
    std::deque<std::uint64_t> queued;                // lengths, in order
    std::map<std::uint64_t, Piece> seen;             // by number of the message
    std::map<std::uint64_t, std::size_t> by;         // who sees it
    std::map<std::uint64_t, std::uint64_t> lengths;  // of fragments not yet taken back, in order
    std::map<std::uint64_t, bool> back;              // fragment: given back
    std::uint64_t next_sent = 0;
    std::uint64_t next_taken = 0;
    for (int step = 0; step < 1500; ++step) {
      // In a ring the oldest that were given back are room again, on a shelf all of them.
      std::erase_if(lengths, [&, in_a_row = true](const auto& entry) mutable {
        in_a_row &= back[entry.first];
        return lab.writer().ring() != nullptr ? in_a_row : back[entry.first];
      });
      std::uint64_t held = 0;
      for (const auto& [number, length] : lengths) held += length;
      for (const auto& loan : lent) held += loan.length;
      const auto messages = lengths.size() + lent.size();
      // Up to a fragment, so that a message is one here.
      const auto length = random_below(random, random_below(random, 2) == 0 ? 60 : 12'000);
      const bool room = messages < capacity && (messages == 0 || held + length <= bytes);
      ASSERT_EQ(lab.writer().ready(length), room) << "seed " << seed + run << " step " << step;
      switch (random_below(random, 6)) {
        case 0:
        case 1:
          if (!room) break;
          lab.write(pattern(next_sent, length));
          lengths[next_sent] = length;
          back[next_sent++] = false;
          queued.push_back(length);
          break;
        case 2: {
          if (!room) break;
          lent.push_back({lab.writer().reserve(length), length});
          ASSERT_NE(lent.back().memory, nullptr);
          break;
        }
        case 3: {
          if (lent.empty()) break;
          const auto loan = lent.back();
          lent.pop_back();
          if (random_below(random, 3) == 0) {
            lab.writer().cancel(loan.memory, loan.length);
            break;
          }
          const auto content = pattern(next_sent, loan.length);
          std::memcpy(loan.memory, content.data(), content.size());
          ASSERT_EQ(lab.writer().send_reserved(loan.memory, loan.length, 0, {}), Sent::kDone);
          lengths[next_sent] = loan.length;
          back[next_sent++] = false;
          queued.push_back(loan.length);
          break;
        }
        case 4: {
          if (queued.empty()) {
            ASSERT_FALSE(lab.reader().available());
            break;
          }
          const auto r = static_cast<std::size_t>(random_below(random, receivers()));
          const auto piece = lab.take(r);
          ASSERT_EQ(bytes_of(piece), pattern(next_taken, queued.front()));
          queued.pop_front();
          seen[next_taken] = piece;
          by[next_taken++] = r;
          break;
        }
        default: {
          if (seen.empty()) break;
          auto at = seen.begin();
          std::advance(at, static_cast<std::ptrdiff_t>(random_below(random, seen.size())));
          lab.give_back(at->second, by[at->first]);
          back[at->first] = true;
          seen.erase(at);
        }
      }
    }
  }
}

TEST_P(Fifo, CarriesLargeMessagesWhileBothSidesWork) {
  const auto seed = test_seed();
  Lab lab(receivers(), room_for(4, 64_KiB));
  std::vector<std::thread> threads;
  std::atomic<std::uint64_t> bytes = 0;
  for (std::uint32_t r = 0; r < receivers(); ++r) {
    threads.emplace_back([&lab, &bytes, r] {
      std::string message;
      while (lab.receiver(r).receive(message) == Received::kMessage) {
        ASSERT_TRUE(number_of(message));
        bytes += message.size();
      }
    });
  }
  std::mt19937 random(seed);
  std::uint64_t sent = 0;
  for (std::uint64_t n = 0; n < 200 / kScale; ++n) {
    const auto length = 8 + random_below(random, 1 << (10 + random_below(random, 11)));
    ASSERT_EQ(lab.sender().send(numbered(n, length)), Posted::kYes);
    sent += length;
  }
  lab.writer().close();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(bytes, sent);
  EXPECT_EQ(lab.arena().channel(0).bytes, sent);
  EXPECT_TRUE(lab.writer().ready(0));
  // All of the heap came back; a shelf takes back only when it needs room.
  lab.writer().take_back();
  EXPECT_TRUE(lab.writer().shelf() != nullptr || lab.heap().could_allocate(kHeapPerEndpoint.count));
}

}  // namespace
}  // namespace mvm::queue
