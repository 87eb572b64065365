// SPDX-License-Identifier: Apache-2.0
// What a virtual queue promises holds for every transport, every type and every overflow policy.
// One test is one cell of that matrix: a group in which each promise has queues and tasks of its
// own, tried one after the other.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "contract_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kMessages = 400;  ///< of the flow
#else
constexpr std::uint64_t kMessages = 2500;
#endif

/// One for the whole run.
std::uint32_t seed_of_run() {
  static const auto seed = test_seed();
  return seed;
}

/// Receives one message that is there, or on its way; its number.
std::optional<std::uint64_t> receive(Lane::Outlet& outlet, const Letters& letters) {
  std::string got;
  const auto received = outlet.receiver->receive(got);
  EXPECT_EQ(received, Received::kMessage);
  if (received != Received::kMessage) return {};
  ++outlet.received;
  const auto letter = letters.recognise(got);
  EXPECT_TRUE(letter) << got.size() << " bytes that nobody sent";
  return letter ? std::optional(letter->number) : std::nullopt;
}

class Contract : public testing::TestWithParam<Cell> {
 protected:
  /// Each promise has a lane of its own.
  enum Promise : std::size_t {
    kOrder,
    kFlow,
    kCapacity,
    kByteCapacity,
    kEnd,
    kGone,
    kExpiry,
    kOfType,  ///< what only some types promise
  };

  void SetUp() override {
    random_.seed(seed_of_run() + static_cast<std::uint32_t>(tally().cells.size()));
    std::vector<QueueSpec> specs(kOfType, room_for(8, 16_MiB));
    specs[kOrder].capacity = 32;
    specs[kFlow] = room_for(1 + static_cast<std::uint32_t>(random_below(random_, 32)), 512_KiB);
    specs[kCapacity].capacity = 1 + static_cast<std::uint32_t>(random_below(random_, 10));
    specs[kByteCapacity] = room_for(64, 2'000_B);
    specs[kExpiry].time_to_live = kSoon;
    if (has_lane_of_type()) {
      specs.push_back(room_for(8, 16_MiB));
      specs.back().drop_late = cell().drops();
    }
    group_.emplace(cell(), specs);
    tally().cells.insert(name_of(cell()));
  }

  static const Cell& cell() { return GetParam(); }
  static bool is_latest() { return cell().kind == Kind::kLatest; }
  static bool has_lane_of_type() {
    return cell().kind == Kind::kPriority || cell().kind == Kind::kDeadline || cell().competes();
  }
  ContractGroup& group() { return *group_; }
  Letters letters(Promise lane, Letters::Length length) const {
    return {seed_of_run() + static_cast<std::uint32_t>(lane) * 7919, length};
  }

  void keeps_the_order();
  void gives_every_message_one_fate();
  void keeps_what_it_has_room_for(Promise lane, Letters::Length length);
  void ends_after_the_last_message();
  void tells_that_nobody_receives();
  void goes_on_without_a_competitor();
  void lets_the_urgent_overtake();
  void drops_what_expired();
  void tells_what_is_late();
  void adds_up();

  void receive_all(Lane& lane, const Letters& letters, const std::vector<std::uint64_t>& order,
                   std::optional<std::uint64_t> newcomer = {});
  void compete(Lane& lane, const Letters& letters, std::vector<std::uint64_t> order,
               std::optional<std::uint64_t> newcomer);
  void receive_in_threads(Lane& lane, const Letters& letters, bool slowly);
  void expect_end(Lane& lane);
  std::uint64_t drops_of(std::uint32_t edge, DropCause cause);

  static constexpr std::chrono::milliseconds kSoon{50};
  static constexpr std::chrono::milliseconds kMuchLater{1500};
  std::mt19937 random_;
  std::optional<ContractGroup> group_;
};

/// What lies in a lane, in its order; where a newcomer is waiting to be let in, that comes too,
/// wherever its turn is.
void Contract::receive_all(Lane& lane, const Letters& letters,
                           const std::vector<std::uint64_t>& order,
                           std::optional<std::uint64_t> newcomer) {
  if (cell().competes()) return compete(lane, letters, order, newcomer);
  std::vector<std::vector<std::uint64_t>> got(lane.outlets.size());
  // A message to each is let in when there is room for all.
  for (const auto count : {order.size(), std::size_t{newcomer ? 1u : 0u}}) {
    for (std::size_t i = 0; i < lane.outlets.size(); ++i) {
      for (std::size_t n = 0; n < count; ++n) {
        const auto number = receive(lane.outlets[i], letters);
        ASSERT_TRUE(number);
        got[i].push_back(*number);
      }
    }
  }
  for (auto& numbers : got) {
    if (newcomer) {
      EXPECT_EQ(std::erase(numbers, *newcomer), 1u);
    }
    EXPECT_EQ(numbers, order);
  }
}

/// The same for competing receivers, each of which gets some of it.
void Contract::compete(Lane& lane, const Letters& letters, std::vector<std::uint64_t> order,
                       std::optional<std::uint64_t> newcomer) {
  std::vector<std::vector<std::uint64_t>> got(lane.outlets.size());
  if (newcomer) order.push_back(*newcomer);
  std::vector<std::uint64_t> all;
  const auto take_all = [&] {
    for (std::size_t i = 0; i < lane.outlets.size(); ++i) {
      const auto bytes = lane.outlets[i].try_receive();
      if (!bytes) continue;
      const auto letter = letters.recognise(*bytes);
      EXPECT_TRUE(letter);
      got[i].push_back(letter ? letter->number : 0);
      all.push_back(got[i].back());
    }
    return all.size() >= order.size();
  };
  EXPECT_TRUE(eventually(take_all)) << all.size() << " of " << order.size();
  for (const auto& numbers : got) EXPECT_TRUE(std::ranges::is_sorted(numbers));
  std::ranges::sort(all);
  EXPECT_EQ(all, order);
}

void Contract::expect_end(Lane& lane) {
  std::string got;
  for (auto& outlet : lane.outlets) EXPECT_EQ(outlet.receiver->receive(got), Received::kEnd);
}

std::uint64_t Contract::drops_of(std::uint32_t edge, DropCause cause) {
  std::uint64_t sum = 0;
  for (const auto& count : group().figures(edge))
    sum += count.drops[static_cast<std::size_t>(cause)];
  return sum;
}

/// A receiver that begins when all is there gets it in the order of the type.
void Contract::keeps_the_order() {
  auto& lane = group()[kOrder];
  const auto letters = this->letters(kOrder, numbered_ones);
  UnreadQueue model(cell().kind, lane.spec);
  for (std::uint64_t n = 0; n < lane.spec.capacity; ++n) {
    ASSERT_EQ(lane.sender->send(letters[n]), Offered::kSent);
    ASSERT_EQ(model.offer(letters[n]), Offered::kSent);
  }
  ASSERT_TRUE(group().wait_until_in(lane, model.size()));
  receive_all(lane, letters, model.order());
}

/// Receives until the end. What is of one class comes in the order in which it was sent.
void Contract::receive_in_threads(Lane& lane, const Letters& letters, bool slowly) {
  std::map<std::uint32_t, std::set<std::uint64_t>> seen;  // by queue
  std::mutex mutex;
  std::vector<std::thread> receivers;
  for (auto& outlet : lane.outlets) {
    receivers.emplace_back([&] {
      std::map<std::int64_t, std::uint64_t> last;  // by class
      std::string got;
      auto received = outlet.receiver->receive(got);
      for (; received == Received::kMessage; received = outlet.receiver->receive(got)) {
        if (++outlet.received % 16 == 0 && slowly) ::usleep(50);
        const auto letter = letters.recognise(got);
        ASSERT_TRUE(letter) << got.size() << " bytes that nobody sent";
        if (letter->is_anonymous()) continue;
        const std::scoped_lock lock(mutex);
        ASSERT_TRUE(seen[outlet.edge].insert(letter->number).second)
            << letter->number << " came twice";
        if (cell().kind == Kind::kLifo) continue;
        const auto [before, first] =
            last.try_emplace(class_of(cell().kind, *letter), letter->number);
        ASSERT_TRUE(first || before->second < letter->number)
            << letter->number << " came after " << before->second;
        before->second = letter->number;
      }
      ASSERT_EQ(received, Received::kEnd);
    });
  }
  for (auto& receiver : receivers) receiver.join();
}

/// Thousands of messages while they are received: none is lost, doubled, damaged, or out of order.
void Contract::gives_every_message_one_fate() {
  auto& lane = group()[kFlow];
  const auto letters = this->letters(kFlow, mixed);
  const auto slow = random_below(random_, 3);  // the sender, the receivers, or nobody
  std::thread sends([&] {
    for (std::uint64_t n = 0; n < kMessages; ++n) {
      if (slow == 0 && n % 16 == 0) ::usleep(50);
      EXPECT_EQ(lane.sender->send(letters[n]), Offered::kSent) << n;
    }
    lane.sender->close();
  });
  receive_in_threads(lane, letters, slow == 1);
  sends.join();
  for (const auto edge : lane.edges) {
    const auto overflowed = drops_of(edge, DropCause::kOverflow);
    const auto superseded = drops_of(edge, DropCause::kSuperseded);
    std::uint64_t received = 0;
    for (const auto& outlet : lane.outlets) received += outlet.edge == edge ? outlet.received : 0;
    EXPECT_EQ(received + overflowed + superseded, kMessages);
    if (!cell().drops()) {
      EXPECT_EQ(overflowed, 0u);
    }
    if (!is_latest()) {
      EXPECT_EQ(superseded, 0u);
    }
  }
}

/// While nobody receives, exactly what there is room for is kept between the two ends, wherever it
/// lies; the policy decides about the rest.
void Contract::keeps_what_it_has_room_for(Promise promise, Letters::Length length) {
  auto& lane = group()[promise];
  const auto letters = this->letters(promise, length);
  UnreadQueue model(cell().kind, lane.spec);
  std::uint64_t next = 0;
  // Once while it is on its way, and again when it has gone as far as it can.
  for (const std::uint64_t until : {50, 100}) {
    for (; next < until; ++next) {
      const auto expected = model.offer(letters[next]);
      ASSERT_EQ(lane.sender->offer(letters[next]), expected) << "message " << next;
      if (expected == Offered::kNoRoom) break;
      if (random_below(random_, 8) == 0) ::usleep(100);  // so that the link takes more, or less
    }
    ASSERT_TRUE(group().wait_until_in(lane, model.size()))
        << group().there(lane.edges[0], 0) << " instead of " << model.size();
  }
  for (const auto edge : lane.edges) {
    EXPECT_EQ(drops_of(edge, DropCause::kOverflow), model.overflowed);
    EXPECT_EQ(drops_of(edge, DropCause::kSuperseded), model.superseded);
  }
  if (cell().overflow != Overflow::kBlock || is_latest()) {
    return receive_all(lane, letters, model.order());
  }
  std::thread waits([&] { EXPECT_EQ(lane.sender->send(letters[next]), Offered::kSent); });
  receive_all(lane, letters, model.order(), next);
  waits.join();
}

/// What was sent before the sender ended arrives, and then the end.
void Contract::ends_after_the_last_message() {
  constexpr std::uint64_t kSent = 5;
  auto& lane = group()[kEnd];
  const auto letters = this->letters(kEnd, numbered_ones);
  for (std::uint64_t n = 0; n < kSent; ++n) {
    ASSERT_EQ(lane.sender->offer(letters[n]), Offered::kSent);
  }
  group().end_sender(lane);
  receive_in_threads(lane, letters, false);
  for (const auto& outlet : lane.outlets) {
    if (is_latest()) {
      EXPECT_GE(outlet.received, 1u);
    }
    if (!is_latest() && !cell().competes()) {
      EXPECT_EQ(outlet.received, kSent);
    }
  }
  if (cell().competes()) {
    EXPECT_EQ(lane.outlets[0].received + lane.outlets[1].received, kSent);
  }
  expect_end(lane);
}

/// When all receivers have died, the sender is told, also while it waits for room.
void Contract::tells_that_nobody_receives() {
  auto& lane = group()[kGone];
  const auto letters = this->letters(kGone, numbered_ones);
  std::uint64_t next = 0;
  const auto fill = [&] {
    const auto end = next + lane.spec.capacity;
    while (next < end && lane.sender->offer(letters[next]) == Offered::kSent) ++next;
  };
  fill();
  ASSERT_TRUE(receive(lane.outlets[0], letters));
  fill();
  std::thread waits;
  if (cell().overflow == Overflow::kBlock && !is_latest()) {
    waits = std::thread([&] {
      while (lane.sender->send(letters[next]) == Offered::kSent) ++next;
    });
  }
  group().end_receivers(lane, true);
  if (waits.joinable()) waits.join();
  ASSERT_TRUE(eventually([&] { return lane.sender->receivers_closed(); }));
  EXPECT_EQ(lane.sender->offer(letters[next]), Offered::kClosed);
}

/// What a competitor held when it died is lost with it, and counted; the others get the rest. Where
/// it was alone on its machine, what had been sent there is lost too.
void Contract::goes_on_without_a_competitor() {
  auto& lane = group()[kOfType];
  const auto letters = this->letters(kOfType, numbered_ones);
  auto& dies = lane.outlets[0];
  auto& lives = lane.outlets[1];
  ASSERT_EQ(lane.sender->offer(letters[0]), Offered::kSent);
  Piece held;
  if (dies.machine == lives.machine) {
    ASSERT_EQ(dies.receiver->take(held), Received::kMessage);
  } else {
    // Whichever machine gets it.
    ASSERT_TRUE(eventually([&] {
      return dies.receiver->reader().available() || lives.receiver->reader().available();
    }));
  }
  group().end_receiver(dies, true);
  // In parts, so that nothing is dropped for want of room.
  std::uint64_t received = 0;
  for (std::uint64_t n = 1; n <= 100; ++n) {
    ASSERT_EQ(lane.sender->send(letters[n]), Offered::kSent);
    if (n % 4 != 0) continue;
    ASSERT_TRUE(eventually([&] {
      while (lives.try_receive()) ++received;
      return group().there(lane.edges[0], 0) == 0;
    }));
  }
  std::uint64_t lost = 0;
  const auto adds_up = [&] {
    lost = 0;
    for (const auto& count : group().figures(lane.edges[0])) lost += count.lost_with_task;
    return received + lost == 101;
  };
  // What is on its way to the dead is not lost before it arrives.
  EXPECT_TRUE(eventually(adds_up)) << received << " received, " << lost << " lost";
  EXPECT_LE(lost, 2u);
}

/// A priority message goes before a queue that is full of lesser ones.
void Contract::lets_the_urgent_overtake() {
  auto& lane = group()[kOfType];
  const auto letters = this->letters(kOfType, numbered_ones);
  const auto letter = [&](std::uint64_t number, std::uint32_t level) {
    return Letter{.number = number, .length = letters[number].length, .level = level};
  };
  const std::uint64_t urgent = lane.spec.capacity;
  const bool refused = cell().overflow == Overflow::kDropNewest;
  for (std::uint64_t n = refused ? 1 : 0; n < urgent; ++n) {
    ASSERT_EQ(lane.sender->offer(letter(n, 0)), Offered::kSent);
  }
  ASSERT_TRUE(group().wait_until_in(lane, refused ? urgent - 1 : urgent));
  if (cell().drops()) {
    ASSERT_EQ(lane.sender->offer(letter(urgent, kLevels - 1)), Offered::kSent);
  } else {
    std::thread waits(
        [&] { EXPECT_EQ(lane.sender->send(letter(urgent, kLevels - 1)), Offered::kSent); });
    EXPECT_EQ(receive(lane.outlets[0], letters), 0u);
    waits.join();
  }
  ASSERT_TRUE(group().wait_until_in(lane, lane.spec.capacity));
  std::vector<std::uint64_t> order{urgent};
  for (std::uint64_t n = 1; n < urgent; ++n) order.push_back(n);
  receive_all(lane, letters, order);
}

/// What was not received in its time to live is not received any more.
void Contract::drops_what_expired() {
  constexpr std::uint64_t kSent = 3;
  auto& lane = group()[kExpiry];
  const auto letters = this->letters(kExpiry, numbered_ones);
  for (std::uint64_t n = 0; n < kSent; ++n) {
    ASSERT_EQ(lane.sender->offer(letters[n]), Offered::kSent);
  }
  ASSERT_TRUE(group().wait_until_in(lane, is_latest() ? 1 : kSent));
  group().advance(kMuchLater);
  group().end_sender(lane);
  expect_end(lane);
  for (const auto edge : lane.edges) {
    EXPECT_EQ(drops_of(edge, DropCause::kExpired), is_latest() ? 1 : kSent);
    EXPECT_EQ(drops_of(edge, DropCause::kOverflow), 0u);
  }
}

/// What is received after its deadline is counted; or dropped, where the queue says so.
void Contract::tells_what_is_late() {
  constexpr std::uint64_t kSent = 3;
  auto& lane = group()[kOfType];
  const auto letters = this->letters(kOfType, numbered_ones);
  const auto soon = group_now_ns(group().machine(0).arena().header().clock) +
                    std::chrono::nanoseconds(kSoon).count();
  for (std::uint64_t n = 0; n < kSent; ++n) {
    ASSERT_EQ(lane.sender->offer(letters[n].bytes(), {.deadline_ns = soon}), Offered::kSent);
  }
  ASSERT_TRUE(group().wait_until_in(lane, kSent));
  group().advance(kMuchLater);
  group().end_sender(lane);
  if (!lane.spec.drop_late) receive_all(lane, letters, {0, 1, 2});
  expect_end(lane);
  std::uint64_t late = 0;
  for (const auto& count : group().figures(lane.edges[0])) late += count.late;
  EXPECT_EQ(late, lane.spec.drop_late ? 0 : kSent);
  EXPECT_EQ(drops_of(lane.edges[0], DropCause::kLate), lane.spec.drop_late ? kSent : 0);
}

/// At the end of a group every message that was sent has one fate, and all machines agree.
void Contract::adds_up() {
  group().settle();
  for (std::size_t i = 0; i < group().lanes().size(); ++i) {
    auto& lane = group()[i];
    for (const auto edge : lane.edges) {
      SCOPED_TRACE(testing::Message() << "queue " << edge << " of lane " << i);
      std::uint64_t received = 0;
      for (const auto& outlet : lane.outlets) received += outlet.edge == edge ? outlet.received : 0;
      const auto counts = group().figures(edge);
      std::uint64_t dequeued = 0;
      std::uint64_t gone = counts[0].left + counts[0].lost_with_task;
      for (const auto& count : counts) {
        dequeued += count.dequeued;
        gone += count.dropped();
      }
      // What competitors on another machine took along is not kept here for those who live.
      if (cell().competes() && counts.size() > 1) gone += counts[1].lost_with_task;
      EXPECT_EQ(dequeued, received);
      EXPECT_EQ(group().at_sender(edge).enqueued.load(), dequeued + gone);
      if (counts.size() > 1) {
        EXPECT_EQ(group().at_sender(edge).relayed.load(), counts[1].dequeued);
      }
      if (i != kGone) {
        EXPECT_EQ(counts[0].left, 0u);
      }
    }
  }
}

TEST_P(Contract, Holds) {
  const auto holds = [](const char* promise, auto&& tries) {
    SCOPED_TRACE(promise);
    ++tally().cases;
    tries();
  };
  holds("order", [&] { keeps_the_order(); });
  holds("flow", [&] { gives_every_message_one_fate(); });
  holds("capacity", [&] { keeps_what_it_has_room_for(kCapacity, numbered_ones); });
  holds("byte capacity", [&] { keeps_what_it_has_room_for(kByteCapacity, some_over_the_bytes); });
  holds("end of the sender", [&] { ends_after_the_last_message(); });
  holds("end of the receivers", [&] { tells_that_nobody_receives(); });
  if (cell().competes()) holds("death of a competitor", [&] { goes_on_without_a_competitor(); });
  if (cell().kind == Kind::kPriority) holds("overtaking", [&] { lets_the_urgent_overtake(); });
  holds("time to live", [&] { drops_what_expired(); });
  if (cell().kind == Kind::kDeadline) holds("deadline", [&] { tells_what_is_late(); });
  holds("sums", [&] { adds_up(); });
}

INSTANTIATE_TEST_SUITE_P(Over, Contract, testing::ValuesIn(all_cells()),
                         [](const auto& chosen) { return name_of(chosen.param); });

/// What scripts/test shows, because ctest hides what successful tests say.
void tell(const std::string& words) {
  std::printf("%s\n", words.c_str());
  std::ofstream(MVM_BINARY_DIR "/contract.txt") << words << "\n";
}

}  // namespace
}  // namespace mvm::queue

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int failed = RUN_ALL_TESTS();
  if (failed != 0) return failed;
  const auto& tally = mvm::queue::tally();
  mvm::queue::tell("contract: " + std::to_string(tally.cells.size()) + " cells, " +
                   std::to_string(tally.cases) + " cases, " + std::to_string(tally.messages) +
                   " messages");
  return 0;
}
