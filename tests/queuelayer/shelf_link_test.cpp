// SPDX-License-Identifier: Apache-2.0
// A shelf between two machines without what lies between them: the link's ends at both, in one
// process, and messages carried over by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "queue_ends.hpp"
#include "shelf_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

/// Task 0 on machine 0 sends to tasks on machine 1.
class Pair {
 public:
  explicit Pair(QueueSpec queue, std::uint32_t receivers = 1)
      : here_(arena(0, queue, receivers)),
        there_(arena(1, queue, receivers)),
        sender_heap_(here_, here_.endpoint(0)),
        link_heap_(there_, there_.endpoint(there_.header().link)),
        writer_(here_, 0, sender_heap_),
        relay_(here_, 0, here_.header().link, true),
        arrivals_(there_, 0, link_heap_) {
    for (std::uint32_t r = 0; r < receivers; ++r) {
      readers_.push_back(std::make_unique<ShelfReader>(there_, 0, r));
    }
  }
  ShelfWriter& writer() { return writer_; }
  ShelfReader& relay() { return relay_; }
  ShelfWriter& arrivals() { return arrivals_; }
  ShelfReader& reader(std::size_t i = 0) { return *readers_[i]; }
  ChannelRecord& here() { return here_.channel(0); }
  ChannelRecord& there() { return there_.channel(0); }
  SenderHeap& sender_heap() { return sender_heap_; }
  SenderHeap& link_heap() { return link_heap_; }
  const Arena& sender_arena() const { return here_; }
  std::size_t under_way() const { return under_way_.size(); }

  Sent send(const std::string& bytes, MessageTerms terms = {}) {
    return writer_.send(bytes.data(), bytes.size(), 5, terms);
  }
  void advance(Duration time) {
    for (const auto* arena : {&here_, &there_}) arena->header().clock.offset_ns -= time.count();
  }

  /// Carries one message over, as a whole or in two pieces.
  bool carry(bool in_pieces = false) {
    ShelfMessage message;
    if (relay_.take(message) != Taken::kPiece) return false;
    EXPECT_EQ(message.type, 5u);
    under_way_[message.number] = message.slot;
    const ShelfWriter::Arrival arrival{
        .remote_number = message.number,
        .rank = message.rank,
        .due_ns = message.due_ns,
        .expires_ns = message.expires_ns,
        .terms = {.priority = message.priority, .deadline_ns = message.deadline_ns}};
    if (!in_pieces) {
      EXPECT_EQ(arrivals_.put_arrived(message.data, message.length, message.type, arrival),
                Sent::kDone);
      return true;
    }
    auto* memory = arrivals_.reserve_arrived(message.length);
    EXPECT_NE(memory, nullptr);
    if (memory == nullptr) return false;
    std::memcpy(memory, message.data, message.length);
    arrivals_.put_arrived_reserved(memory, message.length, message.type, arrival);
    return true;
  }
  void carry_all() {
    while (carry()) {
    }
  }
  /// Tells the receivers' machine what is not wanted any more. How many that were.
  std::size_t carry_unwanted() {
    const auto numbers = relay_.take_unwanted();
    for (const auto number : numbers) {
      EXPECT_TRUE(unwanted_.insert(number).second) << "told twice: " << number;
      arrivals_.drop_arrived(number);
    }
    return numbers.size();
  }
  /// Tells the sender's machine what is done.
  std::size_t carry_back() {
    EXPECT_EQ(arrivals_.has_done(), arrivals_.has_done());
    const auto all = arrivals_.take_done();
    EXPECT_FALSE(arrivals_.has_done());
    for (const auto& done : all) {
      const auto found = under_way_.find(done.remote_number);
      EXPECT_NE(found, under_way_.end()) << "done twice: " << done.remote_number;
      if (found == under_way_.end()) continue;
      if (done.received) {
        relay_.give_back(found->second, done.remote_number);
      } else {
        relay_.give_back_uncounted(found->second, done.remote_number);
      }
      under_way_.erase(found);
    }
    return all.size();
  }
  std::optional<std::string> receive(std::size_t i = 0) {
    ShelfMessage message;
    if (reader(i).take(message) != Taken::kPiece) return {};
    auto bytes = std::string(reinterpret_cast<const char*>(message.data), message.length);
    reader(i).give_back(message.slot, message.number);
    return bytes;
  }
  Texts drain() {
    Texts all;
    while (const auto bytes = receive()) all.push_back(*bytes);
    return all;
  }
  static std::uint64_t drops(const ChannelRecord& record) {
    std::uint64_t sum = 0;
    for (const auto& drop : record.sender_drops) sum += drop;
    for (const auto& drop : record.receiver_drops) sum += drop;
    return sum;
  }
  /// Everywhere, when nothing is under way any more.
  void expect_sums() {
    EXPECT_TRUE(under_way_.empty());
    EXPECT_EQ(here().dequeued, 0u);
    EXPECT_EQ(here().relayed, there().dequeued);
    EXPECT_EQ(here().enqueued, there().dequeued + drops(here()) + drops(there()));
    EXPECT_EQ(there().enqueued, there().dequeued + drops(there()));
  }

 private:
  static Arena arena(std::uint32_t machine, QueueSpec queue, std::uint32_t receivers) {
    std::vector<std::uint32_t> machine_of(receivers + 1, 1);
    machine_of[0] = 0;
    std::vector<std::uint32_t> tasks(receivers);
    std::iota(tasks.begin(), tasks.end(), 1);
    auto arena = Arena::create(plan_of_machine(machine, machine_of, {"ipc:///a", "ipc:///b"},
                                               {{0, tasks, on_shelf(std::move(queue))}}));
    if (!arena) throw std::runtime_error(arena.error().message);
    return std::move(*arena);
  }

  Arena here_;
  Arena there_;
  SenderHeap sender_heap_;
  SenderHeap link_heap_;
  ShelfWriter writer_;
  ShelfReader relay_;
  ShelfWriter arrivals_;
  std::vector<std::unique_ptr<ShelfReader>> readers_;
  std::map<std::uint64_t, std::uint32_t> under_way_;  ///< number: slot
  std::set<std::uint64_t> unwanted_;
};

TEST(ShelfLink, CarriesOrderAndTermsOver) {
  Pair pair({.type = QueueType::kPriority, .levels = 4});
  for (const std::uint32_t priority : {1u, 3u, 0u, 3u, 2u}) {
    (void)pair.send(std::to_string(priority), {.priority = priority, .deadline_ns = 77});
  }
  ShelfMessage message;
  pair.carry_all();
  ASSERT_EQ(pair.reader().take(message), Taken::kPiece);
  EXPECT_EQ(message.priority, 3u);
  EXPECT_EQ(message.deadline_ns, 77);
  EXPECT_TRUE(message.late);
  pair.reader().give_back(message.slot, message.number);
  EXPECT_EQ(pair.drain(), (Texts{"3", "2", "1", "0"}));
  EXPECT_EQ(pair.carry_back(), 5u);
  pair.expect_sums();
}

TEST(ShelfLink, HoldsTheCapacityFromEndToEnd) {
  Pair pair({.type = QueueType::kPriority, .capacity = 2});
  (void)pair.send("a");
  (void)pair.send("b");
  pair.carry_all();
  EXPECT_FALSE(pair.writer().ready(1));
  EXPECT_EQ(pair.receive(), "a");
  EXPECT_FALSE(pair.writer().ready(1));
  EXPECT_TRUE(pair.arrivals().has_done());
  EXPECT_EQ(pair.carry_back(), 1u);
  EXPECT_TRUE(pair.writer().ready(1));
}

TEST(ShelfLink, TakesWhatIsNotDueYet) {
  Pair pair({.type = QueueType::kFifo, .link = {.latency = hours(3)}});
  (void)pair.send("a");
  EXPECT_TRUE(pair.relay().available());
  pair.carry_all();
  EXPECT_FALSE(pair.reader().available());
  pair.advance(hours(3) + minutes(1));
  EXPECT_EQ(pair.drain(), (Texts{"a"}));
  pair.carry_back();
  pair.expect_sums();
}

TEST(ShelfLink, BringsLargeMessagesInPieces) {
  Pair pair({.type = QueueType::kPriority, .capacity = 4, .bytes = 1_GiB});
  for (const std::uint64_t length : {0, 10, 64, 65, 3'000'000}) {
    ASSERT_EQ(pair.send(pattern(length, length)), Sent::kDone);
    ASSERT_TRUE(pair.carry(true));
    EXPECT_TRUE(pair.receive() == pattern(length, length));
    EXPECT_EQ(pair.carry_back(), 1u);
  }
  auto* memory = pair.arrivals().reserve_arrived(1000);
  ASSERT_NE(memory, nullptr);
  pair.arrivals().cancel_arrived(memory, 1000);
  (void)pair.writer().has_done();
  EXPECT_TRUE(pair.link_heap().could_allocate(kHeapPerEndpoint.count));
  EXPECT_TRUE(pair.sender_heap().could_allocate(kHeapPerEndpoint.count));
  pair.expect_sums();
}

TEST(ShelfLink, DropsTheOldestAlsoOnTheOtherMachine) {
  Pair pair({.type = QueueType::kFifo, .overflow = Overflow::kDropOldest, .capacity = 2});
  (void)pair.send("a");
  (void)pair.send("b");
  pair.carry_all();
  EXPECT_EQ(pair.carry_unwanted(), 0u);
  EXPECT_EQ(pair.send("c"), Sent::kDone);
  EXPECT_EQ(pair.send("d"), Sent::kDone);
  EXPECT_EQ(Pair::drops(pair.here()), 0u);  // the other machine knows whether it comes too late
  EXPECT_EQ(pair.send("e"), Sent::kDone);   // "c" was still here
  EXPECT_EQ(Pair::drops(pair.here()), 1u);
  EXPECT_EQ(pair.receive(), "a");  // meanwhile
  EXPECT_EQ(pair.carry_unwanted(), 2u);
  EXPECT_EQ(Pair::drops(pair.there()), 1u);  // "b"
  EXPECT_EQ(pair.carry_unwanted(), 0u);
  EXPECT_EQ(pair.carry_back(), 2u);
  pair.carry_all();
  EXPECT_EQ(pair.drain(), (Texts{"d", "e"}));
  pair.carry_back();
  EXPECT_EQ(pair.here().relayed, 3u);
  pair.expect_sums();
}

TEST(ShelfLink, SupersedesOnTheOtherMachine) {
  Pair pair({.type = QueueType::kLatest, .capacity = 1});
  (void)pair.send("a");
  pair.carry_all();
  (void)pair.send("b");
  EXPECT_EQ(pair.carry_unwanted(), 1u);
  EXPECT_EQ(pair.there().sender_drops[static_cast<int>(DropCause::kSuperseded)], 1u);
  EXPECT_EQ(pair.carry_back(), 1u);
  pair.carry_all();
  EXPECT_EQ(pair.drain(), (Texts{"b"}));
  pair.carry_back();
  pair.expect_sums();
}

TEST(ShelfLink, MakesRoomByWhatExpiresOnTheOtherMachine) {
  Pair pair({.type = QueueType::kPriority, .capacity = 1, .time_to_live = hours(1)});
  (void)pair.send("a");
  pair.carry_all();
  EXPECT_FALSE(pair.writer().ready(1));
  pair.advance(hours(2));
  EXPECT_TRUE(pair.writer().ready(1));
  EXPECT_EQ(pair.send("b"), Sent::kDone);
  EXPECT_EQ(pair.carry_unwanted(), 1u);
  EXPECT_EQ(pair.there().sender_drops[static_cast<int>(DropCause::kExpired)], 1u);
  pair.carry_back();
  pair.carry_all();
  EXPECT_EQ(pair.drain(), (Texts{"b"}));
  pair.carry_back();
  pair.expect_sums();
}

/// Everything at random, on both machines and between them: each message has one fate, in the end
/// everything is done, and neither machine keeps memory.
TEST(ShelfLink, LosesAndDoublesNothingInRandomRuns) {
  const auto seed = test_seed();
#if defined(__SANITIZE_THREAD__)
  constexpr std::uint32_t kRuns = 10;
#else
  constexpr std::uint32_t kRuns = 60;
#endif
  for (std::uint32_t run = 0; run < kRuns; ++run) {
    std::mt19937 random(seed + run);
    SCOPED_TRACE(testing::Message() << "MVM_TEST_SEED=" << seed + run);
    const auto type = static_cast<QueueType>(random_below(random, 5));
    const auto overflow = static_cast<Overflow>(random_below(random, 4));
    Pair pair({.type = type,
               .overflow = overflow,
               .capacity = static_cast<std::uint32_t>(1 + random_below(random, 10)),
               .bytes = Bytes{1 + random_below(random, 4000)},
               .time_to_live = hours(5 * random_below(random, 2)),
               .link = {.latency = minutes(30 * random_below(random, 2))}},
              2);
    const auto capacity = pair.here().capacity;
    std::set<std::uint64_t> got;
    std::uint64_t sent = 0;
    std::vector<std::pair<ShelfMessage, std::size_t>> held;
    const auto take = [&](std::size_t reader) {
      ShelfMessage message;
      if (pair.reader(reader).take(message) != Taken::kPiece) return false;
      const auto number =
          number_of(std::string(reinterpret_cast<const char*>(message.data), message.length));
      EXPECT_TRUE(number);
      EXPECT_TRUE(got.insert(number.value_or(0)).second) << "received twice";
      held.emplace_back(message, reader);
      return true;
    };
    const auto give_back = [&] {
      const auto& [message, reader] = held.back();
      pair.reader(reader).give_back(message.slot, message.number);
      held.pop_back();
    };
    for (int step = 0; step < 800; ++step) {
      switch (random_below(random, 12)) {
        case 0:
          pair.advance(hours(random_below(random, 2)));
          break;
        case 1:
          pair.carry_unwanted();
          break;
        case 2:
          pair.carry_back();
          break;
        case 3:
        case 4:
          // As the link does: never more at the other machine than the queue may hold.
          if (pair.under_way() < capacity) pair.carry(random_below(random, 2) == 0);
          break;
        case 5:
        case 6:
          (void)take(random_below(random, 2));
          break;
        case 7:
        case 8:
          if (!held.empty()) give_back();
          break;
        default: {
          const auto length = 8 + random_below(random, 600);
          const MessageTerms terms{.priority = static_cast<std::uint32_t>(random())};
          if (!pair.writer().ready(length)) break;
          if (pair.send(numbered(sent, length), terms) != Sent::kRefused) ++sent;
        }
      }
      ASSERT_FALSE(HasFailure()) << "step " << step;
    }
    pair.writer().close();
    pair.advance(hours(1));
    // A receiver that takes nothing may have dropped what was there, which is carried back next.
    for (int in_vain = 0; in_vain < 2; ++in_vain) {
      while (!held.empty()) give_back();
      pair.carry_unwanted();
      bool more = pair.carry_back() > 0;
      more |= pair.under_way() < capacity && pair.carry();
      more |= take(0);
      if (more) in_vain = -1;
    }
    EXPECT_TRUE(pair.relay().ended());
    EXPECT_EQ(got.size(), pair.there().dequeued);
    EXPECT_EQ(pair.here().enqueued, sent);
    pair.expect_sums();
    (void)pair.writer().has_done();
    EXPECT_TRUE(pair.sender_heap().could_allocate(kHeapPerEndpoint.count));
    EXPECT_TRUE(pair.link_heap().could_allocate(kHeapPerEndpoint.count));
  }
}

}  // namespace
}  // namespace mvm::queue
