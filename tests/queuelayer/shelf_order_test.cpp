// SPDX-License-Identifier: Apache-2.0
// Which message of a shelf is received next, and when: queue types, times, emulated links.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "link_emulation.hpp"
#include "queue_ends.hpp"
#include "shelf_lab.hpp"

namespace mvm::queue {
namespace {

TEST(ShelfOrder, OfFifoIsTheOrderOfSending) {
  ShelfLab lab({.type = QueueType::kFifo});
  for (const auto* text : {"a", "b", "c"}) EXPECT_EQ(lab.send(text, {.priority = 3}), Sent::kDone);
  EXPECT_EQ(lab.drain(), (Texts{"a", "b", "c"}));
  EXPECT_FALSE(lab.reader().available());
  EXPECT_EQ(lab.reader().available_at(), kNever);
}

TEST(ShelfOrder, OfPriorityIsByLevelAndThenByAge) {
  ShelfLab lab({.type = QueueType::kPriority, .levels = 3});
  (void)lab.send("low 1", {.priority = 0});
  (void)lab.send("mid 1", {.priority = 1});
  (void)lab.send("low 2", {});
  (void)lab.send("top 1", {.priority = 2});
  (void)lab.send("over the highest", {.priority = 77});
  (void)lab.send("mid 2", {.priority = 1});
  EXPECT_EQ(lab.drain(), (Texts{"top 1", "over the highest", "mid 1", "mid 2", "low 1", "low 2"}));
}

TEST(ShelfOrder, IsDecidedWhenAMessageIsTaken) {
  ShelfLab lab({.type = QueueType::kPriority, .levels = 2});
  (void)lab.send("low", {});
  ASSERT_TRUE(lab.reader().available());
  EXPECT_EQ(lab.reader().urgency(), 1);
  (void)lab.send("high", {.priority = 1});
  EXPECT_EQ(lab.receive(), "high");
  ASSERT_TRUE(lab.reader().available());
  EXPECT_EQ(lab.receive(), "low");
}

TEST(ShelfOrder, TellsHowUrgentTheNextIs) {
  ShelfLab lab({.type = QueueType::kPriority, .levels = 4});
  (void)lab.send("x", {.priority = 3});
  ASSERT_TRUE(lab.reader().available());
  EXPECT_EQ(lab.reader().urgency(), 0);
  ShelfLab lifo({.type = QueueType::kLifo});
  (void)lifo.send("x");
  ASSERT_TRUE(lifo.reader().available());
  EXPECT_EQ(lifo.reader().urgency(), 0);
}

TEST(ShelfOrder, OfLifoIsTheNewestFirstAndKeepsTheOthers) {
  ShelfLab lab({.type = QueueType::kLifo});
  for (const auto* text : {"a", "b", "c"}) (void)lab.send(text);
  EXPECT_EQ(lab.receive(), "c");
  (void)lab.send("d");
  EXPECT_EQ(lab.drain(), (Texts{"d", "b", "a"}));
  EXPECT_EQ(lab.all_drops(), 0u);
}

TEST(ShelfOrder, OfLatestIsTheNewestAlone) {
  ShelfLab lab({.type = QueueType::kLatest, .capacity = 1});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(lab.send(std::to_string(i)), Sent::kDone);
  EXPECT_EQ(lab.drain(), (Texts{"99"}));
  EXPECT_EQ(lab.drops(DropCause::kSuperseded), 99u);
  EXPECT_EQ(lab.record().enqueued, 100u);
  lab.expect_sums();
}

/// Of a queue that is full of what its receiver looks at, a blocking sender loses nothing.
TEST(ShelfOrder, OfLatestSupersedesNothingUnlessTheNewcomerFindsRoom) {
  ShelfLab lab({.type = QueueType::kLatest, .capacity = 2, .bytes = 1000_B});
  (void)lab.send(pattern(0, 400));
  const auto held = lab.take();
  (void)lab.send(pattern(1, 100));
  EXPECT_TRUE(lab.writer().ready(600));
  EXPECT_FALSE(lab.writer().ready(601));
  EXPECT_EQ(lab.send(pattern(2, 601)), Sent::kTryAgain);
  EXPECT_EQ(lab.receive(), pattern(1, 100));
  EXPECT_EQ(lab.send(pattern(2, 600)), Sent::kDone);
  EXPECT_EQ(lab.send(pattern(3, 600)), Sent::kDone);
  EXPECT_EQ(lab.receive(), pattern(3, 600));
  lab.give_back(held);
  lab.expect_sums();
}

TEST(ShelfOrder, OfDeadlinesIsTheEarliestFirst) {
  ShelfLab lab({.type = QueueType::kDeadline});
  const auto at = [&](int hour) { return lab.now() + Duration(hours(hour)).count(); };
  (void)lab.send("whenever 1");
  (void)lab.send("5", {.deadline_ns = at(5)});
  (void)lab.send("2", {.deadline_ns = at(2)});
  (void)lab.send("whenever 2");
  (void)lab.send("3", {.deadline_ns = at(3)});
  lab.advance(hours(2) + minutes(30));
  const auto late = lab.take();
  EXPECT_TRUE(late.late);
  lab.give_back(late);
  const auto in_time = lab.take();
  EXPECT_FALSE(in_time.late);
  lab.give_back(in_time);
  EXPECT_EQ(lab.drain(), (Texts{"5", "whenever 1", "whenever 2"}));
  EXPECT_EQ(lab.record().late, 1u);
}

TEST(ShelfOrder, DropsLateMessagesWhereThePolicySaysSo) {
  ShelfLab lab({.type = QueueType::kDeadline, .drop_late = true});
  const auto at = [&](int hour) { return lab.now() + Duration(hours(hour)).count(); };
  (void)lab.send("1", {.deadline_ns = at(1)});
  (void)lab.send("5", {.deadline_ns = at(5)});
  (void)lab.send("2", {.deadline_ns = at(2)});
  lab.advance(hours(3));
  EXPECT_EQ(lab.drain(), (Texts{"5"}));
  EXPECT_EQ(lab.drops(DropCause::kLate), 2u);
  lab.expect_sums();
}

TEST(ShelfOrder, OfACustomTypeIsAsItsRuleSays) {
  // Shorter first; what it is told is what was sent.
  ShelfLab lab({.type = QueueType::kCustom}, 1, [](const RankedMessage& message) {
    EXPECT_EQ(message.priority, 7u);
    EXPECT_EQ(*static_cast<const char*>(message.data), 'x');
    return static_cast<std::int64_t>(message.length);
  });
  for (const auto* text : {"xxxx", "x", "xxx", "xx"}) {
    ASSERT_EQ(lab.send(text, {.priority = 7}), Sent::kDone);
  }
  ASSERT_TRUE(lab.reader().available());
  EXPECT_EQ(lab.reader().urgency(), 1);
  EXPECT_EQ(lab.drain(), (Texts{"x", "xx", "xxx", "xxxx"}));
}

TEST(ShelfOrder, HoldsForMessagesOfEveryLength) {
  ShelfLab lab({.type = QueueType::kLifo, .capacity = 300, .bytes = 1_GiB});
  std::vector<std::uint64_t> lengths(200);
  std::iota(lengths.begin(), lengths.end(), 0);
  lengths.insert(lengths.end(), {1000, 4095, 16 << 10, 777'777, 5'000'000});
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    ASSERT_EQ(lab.send(pattern(i, lengths[i])), Sent::kDone);
  }
  for (std::size_t i = lengths.size(); i-- > 0;) {
    ASSERT_TRUE(lab.receive() == pattern(i, lengths[i])) << lengths[i] << " bytes";
  }
  EXPECT_EQ(lab.writer().send(nullptr, 0, kTypeMask, {}), Sent::kDone);
  const auto empty = lab.take();
  EXPECT_EQ(empty.length, 0u);
  EXPECT_EQ(empty.type, kTypeMask);
}

TEST(ShelfTimes, EndWhatLivesTooLong) {
  ShelfLab lab({.type = QueueType::kLifo, .time_to_live = hours(2)});
  (void)lab.send("old");
  lab.advance(hours(1));
  (void)lab.send("young");
  lab.advance(minutes(90));
  EXPECT_EQ(lab.drain(), (Texts{"young"}));
  EXPECT_EQ(lab.drops(DropCause::kExpired), 1u);
  lab.expect_sums();
}

/// Hours pass, but not for the group.
TEST(ShelfTimes, StandStillWhileTheGroupsClockDoes) {
  ShelfLab mortal({.type = QueueType::kLifo, .time_to_live = hours(2)});
  EXPECT_EQ(mortal.send("still alive"), Sent::kDone);
  stop(mortal.arena().header().clock);
  mortal.advance(hours(3));
  EXPECT_EQ(mortal.receive(), "still alive");
  EXPECT_EQ(mortal.all_drops(), 0u);

  ShelfLab delayed({.type = QueueType::kFifo, .link = {.latency = hours(2)}});
  EXPECT_EQ(delayed.send("not yet"), Sent::kDone);
  stop(delayed.arena().header().clock);
  delayed.advance(hours(3));
  EXPECT_EQ(delayed.receive(), std::nullopt);
  start(delayed.arena().header().clock);
  EXPECT_EQ(delayed.receive(), std::nullopt) << "the time that it stood does not count";
  delayed.advance(hours(3));
  EXPECT_EQ(delayed.receive(), "not yet");
}

TEST(ShelfTimes, OfWhatExpiresMakeRoomForABlockedSender) {
  ShelfLab lab({.type = QueueType::kPriority, .capacity = 2, .time_to_live = hours(2)});
  (void)lab.send("a");
  lab.advance(hours(1));
  (void)lab.send("b");
  EXPECT_FALSE(lab.writer().ready(1));
  EXPECT_GT(lab.writer().ready_at(), lab.now() + Duration(minutes(59)).count());
  EXPECT_LE(lab.writer().ready_at(), lab.now() + Duration(hours(1)).count());
  lab.advance(hours(1));
  EXPECT_TRUE(lab.writer().ready(1));
  EXPECT_EQ(lab.send("c"), Sent::kDone);
  EXPECT_EQ(lab.drops(DropCause::kExpired), 1u);
  EXPECT_EQ(lab.drain(), (Texts{"b", "c"}));
}

TEST(ShelfTimes, OfALinkDelayEveryMessage) {
  ShelfLab lab({.type = QueueType::kFifo, .link = {.latency = hours(5)}});
  const auto sent_at = lab.now();
  (void)lab.send("a");
  lab.advance(hours(1));
  (void)lab.send("b");
  EXPECT_FALSE(lab.reader().available());
  EXPECT_GE(lab.reader().available_at(), sent_at + Duration(hours(5)).count());
  EXPECT_LT(lab.reader().available_at(), sent_at + Duration(hours(5) + minutes(1)).count());
  lab.writer().close();
  EXPECT_FALSE(lab.reader().ended());
  lab.advance(hours(4));
  EXPECT_EQ(lab.drain(), (Texts{"a"}));
  EXPECT_FALSE(lab.reader().ended());
  lab.advance(hours(1));
  EXPECT_EQ(lab.drain(), (Texts{"b"}));
  EXPECT_TRUE(lab.reader().ended());
}

TEST(ShelfTimes, OfARateLimitSpaceMessagesOut) {
  ShelfLab lab({.type = QueueType::kFifo, .interval = hours(2)});
  for (const auto* text : {"a", "b", "c"}) (void)lab.send(text);
  EXPECT_EQ(lab.drain(), (Texts{"a"}));
  lab.advance(hours(2) + minutes(1));
  EXPECT_EQ(lab.drain(), (Texts{"b"}));
  lab.advance(hours(10));
  EXPECT_EQ(lab.drain(), (Texts{"c"}));
  // Time that nobody used is not saved up.
  for (const auto* text : {"d", "e"}) (void)lab.send(text);
  EXPECT_EQ(lab.drain(), (Texts{"d"}));
}

TEST(ShelfTimes, OfABandwidthFollowFromLengths) {
  // 1 bit/s: 450 bytes take an hour; then the latency.
  ShelfLab lab({.type = QueueType::kFifo, .link = {.latency = hours(3), .bits_per_second = 1}});
  const auto sent_at = lab.now();
  (void)lab.send(pattern(0, 450));
  (void)lab.send(pattern(1, 900));
  ASSERT_FALSE(lab.reader().available());
  const auto slack = Duration(minutes(1)).count();
  EXPECT_NEAR(static_cast<double>(lab.reader().available_at() - sent_at),
              static_cast<double>(Duration(hours(4)).count()), static_cast<double>(slack));
  lab.advance(hours(4) + minutes(1));
  EXPECT_EQ(lab.receive(), pattern(0, 450));
  ASSERT_FALSE(lab.reader().available());
  EXPECT_NEAR(static_cast<double>(lab.reader().available_at() - sent_at),
              static_cast<double>(Duration(hours(6)).count()), static_cast<double>(slack));
}

/// 1000 bytes at 3 bit/ns: what is left of a nanosecond adds up.
TEST(ShelfTimes, OfABandwidthLoseNoPartOfANanosecond) {
  ChannelRecord record{};
  record.bits_per_second = 3'000'000'000;
  LinkEmulation link(record);
  std::int64_t arrives = 0;
  for (int i = 0; i < 3000; ++i) arrives = link.pass(100, 1000, 0);
  EXPECT_EQ(arrives, 100 + 8'000'000);
  EXPECT_EQ(link.pass(20'000'000, 0, 0), 20'000'000);  // an idle line waits for nobody
}

TEST(ShelfTimes, BeyondAllMeasureDoNotWrapAround) {
  ChannelRecord record{};
  record.bits_per_second = 1;
  record.latency_ns = kNever;
  record.interval_ns = kNever;
  LinkEmulation link(record);
  std::int64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    const auto arrives = link.pass(1'000'000'000'000'000, kMaxMessage.count, 0);
    EXPECT_GE(arrives, last);
    last = arrives;
  }
}

TEST(ShelfTimes, OfJitterKeepTheOrderOfFifoAndOfALevel) {
  ShelfLab fifo({.type = QueueType::kFifo, .link = {.latency = hours(1), .jitter = hours(50)}});
  ShelfLab priority({.type = QueueType::kPriority,
                     .levels = 2,
                     .link = {.latency = hours(1), .jitter = hours(50)}});
  for (int i = 0; i < 60; ++i) {
    (void)fifo.send(std::to_string(100 + i));
    (void)priority.send(std::to_string(100 * (1 + i % 2) + i),
                        {.priority = static_cast<std::uint32_t>(i % 2)});
  }
  Texts got;
  Texts levels[2];
  for (int hour = 0; hour < 60; ++hour) {
    for (auto& text : fifo.drain()) got.push_back(text);
    for (auto& text : priority.drain()) levels[text[0] - '1'].push_back(text);
    fifo.advance(hours(1));
    priority.advance(hours(1));
  }
  EXPECT_EQ(got.size(), 60u);
  EXPECT_TRUE(std::ranges::is_sorted(got));
  for (const auto& level : levels) {
    EXPECT_EQ(level.size(), 30u);
    EXPECT_TRUE(std::ranges::is_sorted(level));
  }
}

std::vector<std::int64_t> delays(std::uint64_t seed) {
  ShelfLab lab({.type = QueueType::kLifo,
                .capacity = 200,
                .link = {.latency = hours(1), .jitter = hours(1000), .seed = seed}});
  const auto before = lab.now();
  for (int i = 0; i < 100; ++i) (void)lab.send(std::to_string(i));
  lab.advance(hours(2000));
  std::vector<std::int64_t> delays(100);
  ShelfMessage message;
  while (lab.reader().take(message) == Taken::kPiece) {
    // In minutes, for the time that sending took.
    delays[message.number - 1] = (message.due_ns - before) / Duration(minutes(1)).count();
    lab.give_back(message);
  }
  return delays;
}

TEST(ShelfEmulation, JittersAlikeForEqualSeedsWithinItsBounds) {
  const auto first = delays(1);
  const auto again = delays(1);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(first[i]), static_cast<double>(again[i]), 1) << i;
  }
  EXPECT_NE(first, delays(2));
  EXPECT_GE(std::ranges::min(first), 60);
  EXPECT_LE(std::ranges::max(first), 1001 * 60 + 1);
  EXPECT_GT(std::ranges::max(first) - std::ranges::min(first), 500 * 60);
}

Texts survivors(std::uint64_t seed, Duration jitter = {}) {
  ShelfLab lab({.type = QueueType::kFifo,
                .capacity = 2000,
                .link = {.jitter = jitter, .loss_ppb = 250'000'000, .seed = seed}});
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(lab.send(std::to_string(i)), Sent::kDone);
  lab.advance(hours(24));
  auto got = lab.drain();
  EXPECT_EQ(lab.record().enqueued, 2000u);
  EXPECT_EQ(lab.drops(DropCause::kLost), 2000 - got.size());
  lab.expect_sums();
  return got;
}

TEST(ShelfEmulation, LosesTheSameMessagesForEqualSeeds) {
  const auto got = survivors(1);
  EXPECT_NEAR(static_cast<double>(got.size()), 1500, 120);  // six deviations
  EXPECT_EQ(got, survivors(1));
  EXPECT_EQ(got, survivors(1, hours(3)));  // jitter draws from another stream
  EXPECT_NE(got, survivors(2));
}

TEST(ShelfEmulation, MayLoseAll) {
  ShelfLab lab({.type = QueueType::kFifo, .capacity = 1, .link = {.loss_ppb = 1'000'000'000}});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(lab.send("x"), Sent::kDone);
  EXPECT_FALSE(lab.reader().available());
  EXPECT_EQ(lab.drops(DropCause::kLost), 10u);
}

/// A message on a slow link supersedes nothing before it arrives, or nothing ever would.
TEST(ShelfEmulation, OfLatestSupersedesOnArrival) {
  ShelfLab lab({.type = QueueType::kLatest, .capacity = 100, .link = {.latency = hours(10)}});
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(lab.send(std::to_string(i)), Sent::kDone);
    lab.advance(hours(1));
    const auto got = lab.receive();
    if (i < 9) {
      EXPECT_FALSE(got);
    } else {
      EXPECT_EQ(got, std::to_string(i - 9));
    }
  }
  lab.advance(hours(5));
  EXPECT_EQ(lab.drain(), (Texts{"25"}));
  lab.advance(hours(9));
  EXPECT_EQ(lab.drain(), (Texts{"29"}));
  lab.expect_sums();
}

TEST(ShelfEmulation, OfLatestGivesABlockedSenderRoomOnArrival) {
  ShelfLab lab({.type = QueueType::kLatest, .capacity = 2, .link = {.latency = hours(10)}});
  (void)lab.send("a");
  lab.advance(hours(2));
  (void)lab.send("b");
  EXPECT_FALSE(lab.writer().ready(1));
  lab.advance(hours(8) + minutes(1));
  EXPECT_FALSE(lab.writer().ready(1));  // "a" is there, and the newest
  EXPECT_GT(lab.writer().ready_at(), lab.now() + Duration(minutes(90)).count());
  EXPECT_LT(lab.writer().ready_at(), lab.now() + Duration(hours(2)).count());
  lab.advance(hours(2));
  EXPECT_TRUE(lab.writer().ready(1));
  EXPECT_EQ(lab.send("c"), Sent::kDone);
  EXPECT_EQ(lab.drops(DropCause::kSuperseded), 1u);
  EXPECT_EQ(lab.drain(), (Texts{"b"}));
}

TEST(ShelfEmulation, OfLatestNeverGoesBackInTime) {
  ShelfLab lab({.type = QueueType::kLatest, .capacity = 100, .link = {.jitter = hours(100)}});
  for (int i = 0; i < 60; ++i) (void)lab.send(std::to_string(100 + i));
  Texts got;
  for (int hour = 0; hour <= 101; ++hour) {
    for (auto& text : lab.drain()) got.push_back(text);
    lab.advance(hours(1));
  }
  EXPECT_GE(got.size(), 2u);
  EXPECT_TRUE(std::ranges::is_sorted(got));
  EXPECT_EQ(got.back(), "159");
  lab.expect_sums();
}

}  // namespace
}  // namespace mvm::queue
