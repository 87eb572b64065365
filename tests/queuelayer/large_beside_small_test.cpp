// SPDX-License-Identifier: Apache-2.0
// A large message on one queue and small ones on another, between the same two machines: what goes
// ahead of a small one on the wire. Queues, sessions and windows are the real ones; the network and
// its time are made by hand, so that bytes are counted and no clock decides.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "link_channel.hpp"
#include "linked_machines.hpp"

namespace mvm::queue {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::uint32_t kLarge = 0;  ///< edges
constexpr std::uint32_t kSmall = 1;

struct Network {
  std::uint64_t bytes_per_second;
  std::int64_t delay_ns;
};

/// Machine 0 sends both, machine 1 receives both.
class TwoMachines {
 public:
  TwoMachines(QueueType type, const Network& network)
      : network_(network),
        edges_{{0, {1}, room_for(1)}, {0, {1}, room_for(64)}},
        machines_{machine(0, type), machine(1, type)},
        heap_(link_bell().heap, link_bell().heap_size) {
    for (std::uint32_t side = 0; side < 2; ++side) {
      sessions_[side] = std::make_unique<LinkSession>(
          LinkSession::Ends{side, 1 - side, 42}, 3'600'000 * kMs,
          [this, side](std::string_view head, std::string_view tail) {
            return send(side, head, tail);
          },
          counters_[side]);
    }
    for (const auto edge : {kLarge, kSmall}) {
      const auto& from = machines_[0]->arena();
      const auto& to = machines_[1]->arena();
      const LinkCredit credit{.messages = from.channel(edge).capacity};
      const bool ring = from.channel(edge).kind == ChannelKind::kRing;
      outlets_[edge] =
          ring ? make_ring_outlet(from, edge, credit) : make_shelf_outlet(from, edge, credit);
      inlets_[edge] = ring ? make_ring_inlet(to, edge, heap_) : make_shelf_inlet(to, edge, heap_);
    }
  }

  LinkedMachine& sender() { return *machines_[0]; }
  LinkedMachine& receiver() { return *machines_[1]; }
  /// Of large payloads, so far.
  std::uint64_t arrived() const { return arrived_; }
  std::uint64_t under_way() const { return sessions_[0]->bulk_under_way(); }
  std::int64_t now() const { return now_; }
  /// By how much time goes on at once: by what the network needs for two kilobytes.
  std::int64_t step_ns() const {
    return static_cast<std::int64_t>(2'000'000'000'000 / network_.bytes_per_second);
  }
  bool large_is_there() const { return inlets_[kLarge]->tally().passed == 1; }

  /// Lets a little time pass. Calls `on_small(payload)` for each small message when it arrives.
  template <typename OnSmall>
  void step(OnSmall&& on_small) {
    now_ += step_ns();
    receive(0,
            [&](const LinkFrame& frame) { ASSERT_TRUE(outlets_[frame.channel]->on_news(frame)); });
    receive(1, [&](const LinkFrame& frame) {
      if (frame.channel == kSmall) on_small(frame.payload);
      if (frame.channel == kLarge) arrived_ += frame.payload.size();
      ASSERT_TRUE(inlets_[frame.channel]->on_data(frame, *sessions_[1]));
    });
    for (auto& inlet : inlets_) inlet->report(*sessions_[1]);
    sessions_[1]->flush(now_);
    while (pump()) sessions_[0]->flush(now_);
    sessions_[0]->flush(now_);
  }

 private:
  struct Parcel {
    std::int64_t arrives_ns;
    std::string head;
    std::string_view tail;
  };

  std::unique_ptr<LinkedMachine> machine(std::uint32_t number, QueueType type) {
    edges_[kLarge].queue.type = type;
    return std::make_unique<LinkedMachine>(
        plan_of_machine(number, {0, 1}, {"ipc:///unused/0", "ipc:///unused/1"}, edges_));
  }
  EndpointRecord& link_bell() {
    const auto& arena = machines_[1]->arena();
    return arena.endpoint(arena.header().link);
  }

  bool send(std::uint32_t side, std::string_view head, std::string_view tail) {
    auto& free_ns = line_free_ns_[side];
    free_ns = std::max(free_ns, now_) +
              static_cast<std::int64_t>((head.size() + tail.size()) * 1'000'000'000 /
                                        network_.bytes_per_second);
    under_way_[side].push_back({free_ns + network_.delay_ns, std::string(head), tail});
    return true;
  }

  template <typename OnFrame>
  void receive(std::uint32_t side, OnFrame&& on_frame) {
    auto& arriving = under_way_[1 - side];
    for (; !arriving.empty() && arriving.front().arrives_ns <= now_; arriving.pop_front()) {
      auto frames = sessions_[side]->receive(now_, arriving.front().head, arriving.front().tail);
      LinkFrame frame;
      while (frames && frames->next(frame) == FrameReader::Read::kFrame) on_frame(frame);
    }
  }

  /// One round of the link's thread: queues take turns.
  bool pump() {
    bool moved = false;
    const auto first = turn_;
    for (std::size_t i = 0; i < outlets_.size(); ++i) {
      const auto at = (first + i) % outlets_.size();
      const auto bulk = sessions_[0]->bulk_under_way();
      const auto pumped = outlets_[at]->pump(*sessions_[0]);
      EXPECT_TRUE(pumped);
      moved |= pumped.value_or(false);
      if (sessions_[0]->bulk_under_way() != bulk) turn_ = at + 1;
    }
    return moved;
  }

  Network network_;
  std::vector<Edge> edges_;
  std::array<std::unique_ptr<LinkedMachine>, 2> machines_;
  SenderHeap heap_;  ///< of the receiving machine's link
  std::array<LinkCounters, 2> counters_;
  std::array<std::unique_ptr<LinkSession>, 2> sessions_;
  std::array<std::unique_ptr<LinkOutlet>, 2> outlets_;
  std::array<std::unique_ptr<LinkInlet>, 2> inlets_;
  std::array<std::deque<Parcel>, 2> under_way_;  ///< from each side
  std::array<std::int64_t, 2> line_free_ns_{};
  std::size_t turn_ = 0;
  std::uint64_t arrived_ = 0;
  std::int64_t now_ = 1'000'000 * kMs;
};

/// Small messages while a large one passes: before each goes no more of the large one than was
/// under way when it was sent, and one fragment. Once the window knows the network, that makes it
/// later than it would be alone by the time of one fragment at most.
void pass_beside(QueueType type, std::uint64_t length, const Network& network) {
  TwoMachines two(type, network);
  const auto large = pattern(1, length);
  auto sender = two.sender().sender(kLarge);
  ASSERT_EQ(sender.send(large), Posted::kYes);
  auto small = two.sender().sender(kSmall);
  auto small_receiver = two.receiver().receiver(kSmall, 1);

  struct Sent {
    std::uint64_t arrived;
    std::uint64_t under_way;
    std::int64_t at_ns;
  };
  std::map<std::uint64_t, Sent> under_way;
  std::uint64_t sent = 0;
  std::int64_t longest_ns = 0;
  const auto on_small = [&](std::string_view payload) {
    const auto number = number_of(std::string(payload));
    ASSERT_TRUE(number && under_way.contains(*number));
    const auto& then = under_way[*number];
    const auto ahead = two.arrived() - then.arrived;
    ASSERT_LE(ahead, then.under_way + kFragmentBytes) << "message " << *number;
    if (two.arrived() > length / 2) longest_ns = std::max(longest_ns, two.now() - then.at_ns);
    under_way.erase(*number);
  };
  for (std::uint64_t steps = 0; !two.large_is_there() || !under_way.empty(); ++steps) {
    ASSERT_LT(steps, 10'000'000u) << "it does not arrive";
    if (steps % 7 == 0 && !two.large_is_there() && small.writer().ready(8)) {
      under_way[sent] = {two.arrived(), two.under_way(), two.now()};
      ASSERT_EQ(small.send(numbered(sent++, 8)), Posted::kYes);
    }
    two.step(on_small);
    if (testing::Test::HasFatalFailure()) return;
    std::string got;
    while (small_receiver.reader().available()) {
      ASSERT_EQ(small_receiver.receive(got), Received::kMessage);
    }
  }
  EXPECT_GT(sent, 100u);
  // Alone, it takes the delay, and up to one step at either end.
  const auto alone_ns = network.delay_ns + 2 * two.step_ns();
  const auto fragment_ns =
      static_cast<std::int64_t>(kFragmentBytes * 1'000'000'000 / network.bytes_per_second);
  EXPECT_LE(longest_ns, alone_ns + fragment_ns);
  std::string got;
  ASSERT_EQ(two.receiver().receiver(kLarge, 1).receive(got), Received::kMessage);
  EXPECT_TRUE(got == large);
}

TEST(LargeMessage, GoesBehindSmallOnesOfAnotherQueue) {
  constexpr std::uint64_t kLength = 64 << 20;
  for (const auto type : {QueueType::kFifo, QueueType::kPriority}) {
    for (const std::int64_t delay_ms : {1, 25}) {
      SCOPED_TRACE(std::string(to_string(type)) + ", " + std::to_string(delay_ms) + " ms");
      pass_beside(type, kLength, {.bytes_per_second = 20'000'000, .delay_ns = delay_ms * kMs});
    }
  }
}

TEST(LargeMessage, GoesBehindSmallOnesOfAnotherQueueWhenItIsAGibibyte) {
  if (std::getenv("MVM_LONG") == nullptr) {
    GTEST_SKIP() << "takes 3 GiB of memory; MVM_LONG=1 runs it";
  }
  pass_beside(QueueType::kFifo, kMaxMessage.count,
              {.bytes_per_second = 200'000'000, .delay_ns = 5 * kMs});
}

}  // namespace
}  // namespace mvm::queue
