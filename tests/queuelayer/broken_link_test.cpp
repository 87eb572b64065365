// SPDX-License-Identifier: Apache-2.0
// Links over a network that breaks: nothing is lost, nothing is doubled, until a named time.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "breaking_proxy.hpp"
#include "linked_machines.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

/// Two machines; the one that connects reaches the other through a proxy. Edge 0 leads from machine
/// 0 to 1, edge 1 back.
class BrokenLink : public testing::TestWithParam<Wire> {
 protected:
  void open(BreakingProxy::Habits habits, std::chrono::milliseconds reconnect,
            QueueSpec queue = room_for(8, 512_KiB)) {
    const std::vector<std::string> listen = {free_tcp_endpoint(), free_tcp_endpoint()};
    proxy = std::make_unique<BreakingProxy>(listen[0], habits);
    auto plans = plans_over(GetParam(), {0, 1}, {{0, {1}, queue}, {1, {0}, queue}}, listen,
                            {proxy->endpoint(), listen[1]});
    for (auto& plan : plans) {
      plan.reconnect = reconnect;
      machines.push_back(std::make_unique<LinkedMachine>(plan));
    }
    std::thread opens([this] { EXPECT_TRUE(machines[1]->open()); });
    const auto opened = machines[0]->open();
    EXPECT_TRUE(opened) << opened.error().message;
    opens.join();
  }
  /// Sends numbered messages of random length each way, and checks what comes.
  void exchange(std::uint64_t messages, std::uint32_t seed, std::uint64_t most_bytes) {
    std::vector<std::thread> threads;
    for (const std::uint32_t edge : {0u, 1u}) {
      threads.emplace_back([this, edge, messages, seed, most_bytes] {
        std::mt19937 random(seed + edge);
        auto sender = machines[edge]->sender(edge);
        for (std::uint64_t n = 0; n < messages; ++n) {
          const auto length = 8 + random_below(random, n % 10 == 0 ? most_bytes : 500);
          ASSERT_EQ(sender.send(numbered(n, length)), Posted::kYes) << "edge " << edge;
        }
        sender.writer().close();
      });
      threads.emplace_back([this, edge, messages] {
        auto receiver = machines[1 - edge]->receiver(edge, 1 - edge);
        std::string got;
        for (std::uint64_t n = 0; n < messages; ++n) {
          ASSERT_EQ(receiver.receive(got), Received::kMessage) << "edge " << edge << " " << n;
          ASSERT_EQ(number_of(got), n) << "edge " << edge;
        }
        ASSERT_EQ(receiver.receive(got), Received::kEnd);
      });
    }
    for (auto& thread : threads) thread.join();
  }

  std::unique_ptr<BreakingProxy> proxy;
  std::vector<std::unique_ptr<LinkedMachine>> machines;
};
INSTANTIATE_TEST_SUITE_P(Over, BrokenLink,
                         testing::Values(Wire::kTcpWithKeys, Wire::kDirectTcp, Wire::kTrustedTcp),
                         [](const auto& chosen) { return name_of(chosen.param); });

/// Without encryption a payload's bytes are guarded by TCP's own checksums, which the proxy renews.
class ChangedBytes : public BrokenLink {};
INSTANTIATE_TEST_SUITE_P(Over, ChangedBytes, testing::Values(Wire::kTcpWithKeys, Wire::kDirectTcp),
                         [](const auto& chosen) { return name_of(chosen.param); });

constexpr std::chrono::seconds kLong{60};

TEST_P(BrokenLink, LosesNothingWhenConnectionsAreCutAtAnyByte) {
  const auto seed = test_seed();
  open({.most_bytes = 400'000, .seed = seed}, kLong);
  exchange(300, seed, 300'000);
  EXPECT_GT(proxy->cuts(), 3);
  const auto figures = machines[0]->link().figures();
  EXPECT_GT(figures.peers[0].parcels_resent, 0u);
}

TEST_P(ChangedBytes, LoseNothing) {
  const auto seed = test_seed();
  open({.most_bytes = 400'000, .flips = true, .seed = seed}, kLong);
  exchange(300, seed, 300'000);
  EXPECT_GT(proxy->cuts(), 3);
}

/// The end that notices has to break the connection, and the one that connects to make it anew.
TEST_P(ChangedBytes, LoseNothingWhenTheConnectionStands) {
  const auto seed = test_seed();
  open({.most_bytes = 300'000, .changes = 3, .seed = seed}, std::chrono::seconds(5));
  exchange(100, seed, 300'000);
  EXPECT_EQ(proxy->cuts(), 3);
}

/// At a machine's address somebody else answers first.
TEST_P(BrokenLink, FindsTheOtherMachineAfterStrangersThatBabble) {
  open({.babbles = 3}, std::chrono::milliseconds(1000));
  exchange(10, 1, 1000);
}

/// Both ends believe the connection alive, and nothing passes: a cable that is pulled.
TEST_P(BrokenLink, GoesOnAfterASilence) {
  const auto seed = test_seed();
  open({.seed = seed}, std::chrono::milliseconds(3000));
  std::thread pulls([this] {
    for (int i = 0; i < 2; ++i) {
      ::usleep(50'000);
      proxy->hold_back(true);
      ::usleep(700'000);
      proxy->hold_back(false);
    }
  });
  exchange(100, seed, 400'000);
  pulls.join();
}

TEST_P(BrokenLink, EndsTheStreamsOfAMachineThatIsSilentForTooLong) {
  open({}, std::chrono::milliseconds(300));
  auto sender = machines[0]->sender(0);
  auto receiver = machines[1]->receiver(0, 1);
  std::string got;
  ASSERT_EQ(sender.send("before"), Posted::kYes);
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  proxy->refuse();
  EXPECT_EQ(receiver.receive(got), Received::kEnd);
  Posted posted = Posted::kYes;
  while (posted == Posted::kYes) posted = sender.send("after");
  EXPECT_EQ(posted, Posted::kClosed);
  for (std::size_t m = 0; m < 2; ++m) {
    const auto failure = machines[m]->failure();
    EXPECT_EQ(failure.code, ErrorCode::kTransport);
    EXPECT_EQ(failure.message, "machine " + std::to_string(1 - m) +
                                   " has not been heard for 300 ms: it hangs, or the network to it "
                                   "is broken; queues to and from it have ended");
  }
}

/// One end has heard all, and the other one hears nothing: the farewell has to get through.
TEST_P(BrokenLink, EndsWellWhenItsConnectionDiesInOneDirection) {
  open({}, std::chrono::milliseconds(3000));
  exchange(10, 1, 1000);
  proxy->lose_words_of_connecting_end();
  std::thread settles([this] { EXPECT_TRUE(machines[0]->link().settle(kPatience)); });
  EXPECT_TRUE(machines[1]->link().settle(kPatience));
  settles.join();
  EXPECT_EQ(machines[1]->link().figures().peers[0].reconnects, 1u);
}

/// An idle link is kept alive, however short the time that a break may last.
TEST_P(BrokenLink, StaysWhenNobodySaysAnything) {
  open({}, std::chrono::milliseconds(2000));
  ::usleep(2'500'000);
  exchange(10, 1, 1000);
  EXPECT_EQ(machines[0]->link().figures().peers[0].reconnects, 0u);
  EXPECT_EQ(machines[1]->link().figures().peers[0].reconnects, 0u);
}

}  // namespace
}  // namespace mvm::queue
