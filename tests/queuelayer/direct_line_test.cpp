// SPDX-License-Identifier: Apache-2.0
// Direct lines between two tasks: what they carry, and how the link goes on where they end.
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <thread>

#include "breaking_proxy.hpp"
#include "linked_machines.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

constexpr std::chrono::seconds kLong{60};

/// A task on each of two machines; edge 0 leads from 0 to 1, edge 1 back. Each task has a sending
/// and a receiving thread.
class DirectLines : public testing::TestWithParam<Wire> {
 protected:
  void open(QueueSpec queue = room_for(8, 512_KiB), BreakingProxy::Habits habits = {},
            std::set<std::uint32_t> with_lines = {0, 1}) {
    const bool unix_sockets = GetParam() == Wire::kDirectIpc;
    std::vector<std::string> listen = {free_tcp_endpoint(), free_tcp_endpoint()};
    if (unix_sockets) listen = {folder.endpoint(0), folder.endpoint(1)};
    auto connect = listen;
    if (!unix_sockets) {
      proxy = std::make_unique<BreakingProxy>(listen[0], habits);
      connect[0] = proxy->endpoint();
    }
    auto plans =
        plans_over(GetParam(), {0, 1}, {{0, {1}, queue}, {1, {0}, queue}}, listen, connect);
    for (auto& plan : plans) {
      plan.reconnect = reconnect;
      machines.push_back(std::make_unique<LinkedMachine>(plan));
      if (with_lines.contains(plan.machine)) machines.back()->let_have_lines({0});
    }
    std::thread opens([this] { EXPECT_TRUE(machines[1]->open()); });
    const auto opened = machines[0]->open();
    EXPECT_TRUE(opened) << opened.error().message;
    opens.join();
    for (const std::uint32_t m : {0u, 1u}) machines[m]->take_lines();
    for (const std::uint32_t m : {0u, 1u}) {
      senders.push_back(std::make_unique<Sender>(*machines[m], m));
      receivers.push_back(std::make_unique<Receiver>(*machines[m], 1 - m, m));
    }
    for (const std::uint32_t m : {0u, 1u}) machines[m]->start_lines();
  }
  ~DirectLines() override {
    for (auto& machine : machines) machine->drop_lines(0);
  }

  void send(std::uint32_t edge, std::uint64_t from, std::uint64_t until, std::uint64_t most_bytes,
            std::uint32_t seed) {
    std::mt19937 random(seed + edge);
    for (auto n = from; n < until; ++n) {
      const auto length = 8 + random_below(random, n % 10 == 0 ? most_bytes : 500);
      ASSERT_EQ(senders[edge]->end.send(numbered(n, length)), Posted::kYes) << "edge " << edge;
    }
  }
  void receive(std::uint32_t edge, std::uint64_t from, std::uint64_t until) {
    std::string got;
    for (auto n = from; n < until; ++n) {
      ASSERT_EQ(receivers[1 - edge]->end.receive(got), Received::kMessage) << edge << " " << n;
      ASSERT_EQ(number_of(got), n) << "edge " << edge;
    }
  }
  void expect_end(std::uint32_t edge) {
    std::string got;
    ASSERT_EQ(receivers[1 - edge]->end.receive(got), Received::kEnd);
  }
  /// Sends numbered messages of random length each way at once, and checks what comes.
  void exchange(std::uint64_t messages, std::uint32_t seed, std::uint64_t most_bytes) {
    std::vector<std::thread> threads;
    for (const std::uint32_t edge : {0u, 1u}) {
      threads.emplace_back([=, this] {
        send(edge, 0, messages, most_bytes, seed);
        senders[edge]->end.close();
      });
      threads.emplace_back([=, this] {
        receive(edge, 0, messages);
        expect_end(edge);
      });
    }
    for (auto& thread : threads) thread.join();
  }

  struct Sender {
    Sender(LinkedMachine& machine, std::uint32_t edge) : end(machine.sender(edge)) {}
    BlockingSender end;
  };
  struct Receiver {
    Receiver(LinkedMachine& machine, std::uint32_t edge, std::uint32_t task)
        : end(machine.receiver(edge, task)) {}
    BlockingReceiver end;
  };
  std::chrono::milliseconds reconnect = kLong;
  SocketFolder folder;
  std::unique_ptr<BreakingProxy> proxy;
  std::vector<std::unique_ptr<LinkedMachine>> machines;
  std::vector<std::unique_ptr<Sender>> senders;      ///< by edge
  std::vector<std::unique_ptr<Receiver>> receivers;  ///< by task
};
INSTANTIATE_TEST_SUITE_P(Over, DirectLines, testing::Values(Wire::kDirectIpc, Wire::kTrustedTcp),
                         [](const auto& chosen) { return name_of(chosen.param); });

TEST_P(DirectLines, CarryEverythingBothWays) {
  const auto seed = test_seed();
  open();
  exchange(2000, seed, 300'000);
  EXPECT_EQ(machines[1]->came_over_line(0), 2000u);
  EXPECT_EQ(machines[0]->came_over_line(1), 2000u);
}

/// Each message is released before the next one can be sent, whatever its size.
TEST_P(DirectLines, KeepACapacityOfOne) {
  const auto seed = test_seed();
  open(room_for(1, 1_KiB));
  exchange(500, seed, 100'000);
  EXPECT_EQ(machines[1]->came_over_line(0), 500u);
}

/// A message that was sent is under way without a further act of the sender, and what was received
/// makes room without one of the receiver.
TEST_P(DirectLines, NeedNobodyWhoWaits) {
  open(room_for(16));
  send(0, 0, 16, 100, 1);
  while (machines[1]->came_over_line(0) < 16) {
    Piece piece;
    std::string got;
    const auto n = machines[1]->came_over_line(0);
    receive(0, n, n + 1);
  }
  send(0, 16, 17, 100, 1);
}

TEST_P(DirectLines, EndWithTheSendersLastMessage) {
  open();
  send(0, 0, 5, 100, 1);
  senders[0]->end.close();
  receive(0, 0, 5);
  expect_end(0);
  EXPECT_EQ(machines[1]->came_over_line(0), 5u);
  send(1, 0, 5, 100, 1);  // the other direction goes on
  receive(1, 0, 5);
  EXPECT_EQ(machines[1]->line(1), LineState::kOpen);
}

/// A sender is gone, with messages that its receiver has not read: the link brings them.
TEST_P(DirectLines, LeaveToTheLinkWhatADeadSenderHasSent) {
  open();
  send(0, 0, 8, 300'000, 1);
  machines[0]->drop_lines(0);
  machines[0]->task_ended(0, true);
  receive(0, 0, 8);
  expect_end(0);
}

TEST_P(DirectLines, TellASenderThatItsReceiverIsGone) {
  open(room_for(4));
  send(0, 0, 4, 100, 1);
  receive(0, 0, 1);
  machines[1]->drop_lines(0);
  machines[1]->task_ended(1, true);
  Posted posted = Posted::kYes;
  while (posted == Posted::kYes) posted = senders[0]->end.send(numbered(9, 9));
  EXPECT_EQ(posted, Posted::kClosed);
  EXPECT_EQ(machines[1]->figures(0).dequeued, 1u);
}

/// Messages that are held while the line ends count as the receiver's until they are given back.
TEST_P(DirectLines, CountWhatIsGivenBackAfterTheirEnd) {
  open(room_for(4));
  send(0, 0, 4, 100, 1);
  auto& receiver = receivers[1]->end;
  Piece held[4];
  for (auto& piece : held) ASSERT_EQ(receiver.take(piece), Received::kMessage);
  machines[0]->break_lines();
  for (const int i : {2, 0, 3, 1}) receiver.reader().give_back(held[i].cookie, false);
  send(0, 4, 8, 100, 1);  // there is room for them only when the link has told
  receive(0, 4, 8);
  EXPECT_EQ(machines[1]->figures(0).dequeued, 8u);
  EXPECT_EQ(machines[1]->figures(0).left, 0u);
}

/// Whoever cannot have it is not given it, and its channel is carried as any other.
TEST_P(DirectLines, AreMadeOnlyWhereBothTasksCanHaveThem) {
  for (const std::uint32_t with : {0u, 1u}) {
    open(room_for(8), {}, {with});
    exchange(50, 1, 10'000);
    EXPECT_EQ(machines[1]->came_over_line(0), 0u);
    receivers.clear();
    senders.clear();
    machines.clear();
  }
}

class BrokenDirectLines : public DirectLines {};
INSTANTIATE_TEST_SUITE_P(Over, BrokenDirectLines, testing::Values(Wire::kTrustedTcp),
                         [](const auto& chosen) { return name_of(chosen.param); });

TEST_P(BrokenDirectLines, LoseNothingWhereverTheyBreak) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  for (int run = 0; run < 10; ++run) {
    open(room_for(8, 512_KiB),
         {.most_bytes = 300'000 + random_below(random, 1'200'000), .seed = seed});
    exchange(100, seed + static_cast<std::uint32_t>(run), 300'000);
    for (auto& machine : machines) machine->drop_lines(0);
    receivers.clear();
    senders.clear();
    machines.clear();
  }
}

/// Both ends of everything are alive, and nothing passes for longer than a link may be silent.
TEST_P(BrokenDirectLines, AreGivenUpWithALinkThatFallsSilent) {
  reconnect = std::chrono::milliseconds(3000);
  open();
  send(0, 0, 3, 100, 1);
  receive(0, 0, 3);
  EXPECT_EQ(machines[1]->line(0), LineState::kOpen);
  proxy->hold_back(true);
  while (machines[0]->line(0) == LineState::kOpen) std::this_thread::yield();
  while (machines[1]->line(0) == LineState::kOpen) {
    ASSERT_TRUE(receivers[1]->end.is_idle());
  }
  proxy->hold_back(false);
  std::thread sends([this] { send(0, 3, 20, 100'000, 1); });
  receive(0, 3, 20);
  sends.join();
}

class EncryptedLinks : public DirectLines {};
INSTANTIATE_TEST_SUITE_P(Over, EncryptedLinks, testing::Values(Wire::kDirectTcp),
                         [](const auto& chosen) { return name_of(chosen.param); });

TEST_P(EncryptedLinks, HaveNoDirectLines) {
  open();
  exchange(50, 1, 10'000);
  EXPECT_EQ(machines[1]->line(0), LineState::kNone);
}

}  // namespace
}  // namespace mvm::queue
