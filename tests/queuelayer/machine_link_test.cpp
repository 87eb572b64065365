// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/machine_link.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "linked_machines.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

class Link : public testing::TestWithParam<Wire> {};
INSTANTIATE_TEST_SUITE_P(Over, Link, testing::ValuesIn(kWires),
                         [](const auto& chosen) { return name_of(chosen.param); });

/// Task 0 on machine 0 sends to task 1 on machine 1.
std::vector<Edge> one_edge(QueueSpec queue) {
  return {{0, {1}, queue}};
}

TEST_P(Link, CarriesMessagesOfEveryLength) {
  LinkedGroup group(GetParam(), {0, 1}, one_edge(room_for(4)));
  auto sender = group[0].sender(0);
  auto receiver = group[1].receiver(0, 1);
  std::vector<std::uint64_t> lengths(101);
  std::iota(lengths.begin(), lengths.end(), 0);
  lengths.insert(lengths.end(),
                 {16'383, 16'384, 16'385, 65'535, 65'536, 65'537, 262'145, 1 << 20, 20'000'000});
  std::thread sends([&] {
    for (const auto length : lengths) {
      ASSERT_EQ(sender.send(pattern(length, length)), Posted::kYes);
    }
  });
  std::string got;
  for (const auto length : lengths) {
    ASSERT_EQ(receiver.receive(got), Received::kMessage);
    EXPECT_TRUE(got == pattern(length, length)) << length << " bytes";
  }
  sends.join();
}

/// A message counts as received when it is released there, not when it has arrived.
TEST_P(Link, HoldsACapacityFromEndToEnd) {
  LinkedGroup group(GetParam(), {0, 1}, one_edge(room_for(3)));
  auto sender = group[0].sender(0);
  auto receiver = group[1].receiver(0, 1);
  for (std::uint64_t lap = 0; lap < 20; ++lap) {
    for (std::uint64_t i = 0; i < 3; ++i) {
      ASSERT_EQ(sender.send(pattern(i, 100)), Posted::kYes);
    }
    std::vector<Piece> views(3);
    for (auto& view : views) ASSERT_EQ(receiver.take(view), Received::kMessage);
    ASSERT_FALSE(sender.writer().ready(0));
    receiver.reader().give_back(views[0].cookie, false);
    ASSERT_EQ(sender.send("more"), Posted::kYes);
    ASSERT_FALSE(sender.writer().ready(0));
    receiver.reader().give_back(views[1].cookie, false);
    receiver.reader().give_back(views[2].cookie, false);
    std::string got;
    ASSERT_EQ(receiver.receive(got), Received::kMessage);
    ASSERT_EQ(got, "more");
    while (sender.writer().ring()->released_messages() < (lap + 1) * 4) std::this_thread::yield();
  }
}

TEST_P(Link, HoldsACapacityOfBytesFromEndToEnd) {
  LinkedGroup group(GetParam(), {0, 1}, one_edge(room_for(64, 1000_B)));
  auto sender = group[0].sender(0);
  auto receiver = group[1].receiver(0, 1);
  ASSERT_EQ(sender.send(pattern(0, 600)), Posted::kYes);
  ASSERT_EQ(sender.send(pattern(1, 400)), Posted::kYes);
  Piece view;
  ASSERT_EQ(receiver.take(view), Received::kMessage);
  EXPECT_FALSE(sender.writer().ready(1));
  receiver.reader().give_back(view.cookie, false);
  ASSERT_EQ(sender.wait_for_room(600), Posted::kYes);
  EXPECT_FALSE(sender.writer().ready(601));
}

/// What was released is far from a quarter of the queue, nobody says anything else, and the sender
/// waits for it all the same: its message is admitted when the queue is empty.
TEST_P(Link, TellsSoonThatAQueueIsEmpty) {
  LinkedGroup group(GetParam(), {0, 1}, one_edge(room_for(64, 1000_B)));
  auto sender = group[0].sender(0);
  auto receiver = group[1].receiver(0, 1);
  std::string got;
  for (int lap = 0; lap < 20; ++lap) {
    ASSERT_EQ(sender.send("small"), Posted::kYes);
    ASSERT_EQ(receiver.receive(got), Received::kMessage);
    ASSERT_EQ(sender.send(pattern(1, 5000)), Posted::kYes);
    ASSERT_EQ(receiver.receive(got), Received::kMessage);
    ASSERT_EQ(got.size(), 5000u);
  }
}

TEST_P(Link, DeliversInOrderAndExactlyOnceBothWays) {
  const auto seed = test_seed();
  constexpr std::uint64_t kMessages = 1500;
  LinkedGroup group(GetParam(), {0, 1}, {{0, {1}, room_for(8, 16_KiB)}, {1, {0}, room_for(3)}});
  std::vector<std::thread> threads;
  for (const std::uint32_t edge : {0u, 1u}) {
    threads.emplace_back([&group, edge, seed] {
      std::mt19937 random(seed + edge);
      auto sender = group[edge].sender(edge);
      for (std::uint64_t n = 0; n < kMessages; ++n) {
        const auto length = 8 + random_below(random, n % 50 == 0 ? 200'000 : 500);
        ASSERT_EQ(sender.send(numbered(n, length)), Posted::kYes);
      }
      sender.writer().close();
    });
    threads.emplace_back([&group, edge] {
      auto receiver = group[1 - edge].receiver(edge, 1 - edge);
      std::string got;
      for (std::uint64_t n = 0; n < kMessages; ++n) {
        ASSERT_EQ(receiver.receive(got), Received::kMessage);
        ASSERT_EQ(number_of(got), n);
      }
      ASSERT_EQ(receiver.receive(got), Received::kEnd);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_P(Link, LinksThreeMachines) {
  LinkedGroup group(GetParam(), {0, 1, 2},
                    {{0, {1}, room_for(4)}, {1, {2}, room_for(4)}, {2, {0}, room_for(4)}});
  std::vector<std::thread> relays;
  for (std::uint32_t m = 1; m < 3; ++m) {
    relays.emplace_back([&group, m] {
      auto receiver = group[m].receiver(m - 1, m);
      auto sender = group[m].sender(m);
      std::string message;
      while (receiver.receive(message) == Received::kMessage) {
        ASSERT_EQ(sender.send(message + "."), Posted::kYes);
      }
      sender.writer().close();
    });
  }
  auto start = group[0].sender(0);
  auto home = group[0].receiver(2, 0);
  std::string token;
  for (int lap = 0; lap < 20; ++lap) {
    ASSERT_EQ(start.send("token"), Posted::kYes);
    ASSERT_EQ(home.receive(token), Received::kMessage);
    ASSERT_EQ(token, "token..");
  }
  group[0].task_ended(0, false);
  for (auto& relay : relays) relay.join();
}

/// Nobody receives the large ones; the small ones must not care.
TEST_P(Link, CarriesSmallMessagesPastLargeOnes) {
  LinkedGroup group(GetParam(), {0, 1},
                    {{0, {1}, room_for(1)}, {0, {1}, room_for(4)}, {1, {0}, room_for(4)}});
  auto large = group[0].sender(0);
  auto ball = group[0].sender(1);
  auto ball_back = group[0].receiver(2, 0);
  ASSERT_EQ(large.send(pattern(1, 60'000'000)), Posted::kYes);
  std::thread partner([&group] {
    auto receiver = group[1].receiver(1, 1);
    auto sender = group[1].sender(2);
    std::string got;
    while (receiver.receive(got) == Received::kMessage) ASSERT_EQ(sender.send(got), Posted::kYes);
  });
  std::string got;
  for (std::uint64_t n = 0; n < 100; ++n) {
    ASSERT_EQ(ball.send(numbered(n, 64)), Posted::kYes);
    ASSERT_EQ(ball_back.receive(got), Received::kMessage);
    ASSERT_EQ(number_of(got), n);
  }
  ball.writer().close();
  partner.join();
  auto receiver = group[1].receiver(0, 1);
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_TRUE(got == pattern(1, 60'000'000));
}

TEST_P(Link, PassesOnTheEndOfAStream) {
  LinkedGroup group(GetParam(), {0, 1}, one_edge(room_for(4)));
  auto sender = group[0].sender(0);
  auto receiver = group[1].receiver(0, 1);
  ASSERT_EQ(sender.send("last"), Posted::kYes);
  group[0].task_ended(0, true);
  std::string got;
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_EQ(got, "last");
  EXPECT_EQ(receiver.receive(got), Received::kEnd);
}

TEST_P(Link, DropsTheFirstPartOfWhatADeadSenderBegan) {
  LinkedGroup group(GetParam(), {0, 1}, one_edge(room_for(4)));
  auto sender = group[0].sender(0);
  auto receiver = group[1].receiver(0, 1);
  ASSERT_EQ(sender.send("whole"), Posted::kYes);
  ASSERT_EQ(sender.wait_for_room(200'000), Posted::kYes);
  ASSERT_TRUE(sender.writer().ring()->begin(200'000, 0));
  const auto part = pattern(0, 100'000);
  sender.writer().ring()->append(part.data(), part.size());
  group[0].task_ended(0, true);
  std::string got;
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_EQ(got, "whole");
  EXPECT_EQ(receiver.receive(got), Received::kEnd);
}

TEST_P(Link, PassesOnThatNobodyReceives) {
  LinkedGroup group(GetParam(), {0, 1}, one_edge(room_for(2)));
  auto sender = group[0].sender(0);
  ASSERT_EQ(sender.send("a"), Posted::kYes);
  ASSERT_EQ(sender.send("b"), Posted::kYes);
  std::thread waits([&] { EXPECT_EQ(sender.send("c"), Posted::kClosed); });
  group[1].task_ended(1, true);
  waits.join();
}

/// One queue, receivers on two machines: each message to exactly one, whatever its length.
TEST_P(Link, SharesAQueueBetweenMachines) {
  constexpr std::uint64_t kMessages = 120;
  LinkedGroup group(GetParam(), {0, 0, 1, 1}, {{0, {1, 2, 3}, room_for(8, 1_MiB)}});
  std::vector<std::atomic<int>> seen(kMessages);
  std::vector<std::thread> receivers;
  for (std::uint32_t task = 1; task < 4; ++task) {
    receivers.emplace_back([&group, &seen, task] {
      auto receiver = group[task == 1 ? 0 : 1].receiver(0, task);
      for (Piece piece;;) {
        const auto received = receiver.take(piece);
        if (received == Received::kEnd) return;
        ASSERT_EQ(received, Received::kMessage);
        ASSERT_FALSE(piece.more);  // the rest could go to another
        const std::string got(reinterpret_cast<const char*>(piece.data), piece.length);
        receiver.reader().give_back(piece.cookie, false);
        const auto number = number_of(got);
        ASSERT_TRUE(number) << "task " << task << " got " << got.size() << " bytes";
        ++seen[*number];
      }
    });
  }
  auto sender = group[0].sender(0);
  for (std::uint64_t n = 0; n < kMessages; ++n) {
    const auto length = n % 3 == 0 ? 100u : n % 3 == 1 ? 30'000u : 200'000u;
    ASSERT_EQ(sender.send(numbered(n, length)), Posted::kYes);
  }
  sender.writer().close();
  for (auto& receiver : receivers) receiver.join();
  for (std::uint64_t n = 0; n < kMessages; ++n) EXPECT_EQ(seen[n], 1) << "message " << n;
}

/// What the receivers of a machine held, and what lay there unread, is lost with them, and stands
/// in nobody's way.
TEST_P(Link, GoesOnWithoutAMachineThatHadSharedMessages) {
  for (const bool taken : {true, false}) {
    LinkedGroup group(GetParam(), {0, 0, 1}, {{0, {1, 2}, room_for(4)}});
    auto sender = group[0].sender(0);
    ASSERT_EQ(sender.send("one of them"), Posted::kYes);
    auto dies = group[1].receiver(0, 2);
    Piece held;
    if (taken) {
      ASSERT_EQ(dies.take(held), Received::kMessage);
    } else {
      while (!dies.reader().available()) std::this_thread::yield();
    }
    group[1].task_ended(2, true);
    auto lives = group[0].receiver(0, 1);
    std::string got;
    for (std::uint64_t n = 0; n < 100; ++n) {
      ASSERT_EQ(sender.send(numbered(n, 100)), Posted::kYes) << n;
      if (n == 0) continue;  // the link may take one more before it hears of the end
      ASSERT_EQ(lives.receive(got), Received::kMessage);
    }
    group[0].close();
    EXPECT_GE(group[1].figures(0).lost_with_task, 1u);
  }
}

TEST(LinkOpening, SaysWhenAMachineDoesNotAnswer) {
  SocketFolder folder;
  LinkedMachine alone(
      plan_of_machine(0, {0, 1}, {folder.endpoint(0), folder.endpoint(1)}, one_edge(room_for(4))));
  const auto opened = alone.open(std::chrono::milliseconds(100));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kTimedOut);
  EXPECT_EQ(opened.error().message,
            "not every machine of the group answered within 100 ms; can they reach each other's "
            "addresses?");
}

TEST(LinkOpening, SaysWhereItCannotBind) {
  const std::string nowhere = "tcp://192.0.2.1:1";  // an address that no host has (RFC 5737)
  LinkedMachine machine(plan_of_machine(0, {0, 1}, {nowhere, free_tcp_endpoint()},
                                        one_edge(room_for(4)), fresh_secret()));
  const auto opened = machine.open(std::chrono::milliseconds(100));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kTransport);
  EXPECT_EQ(opened.error().message,
            "link machines at " + nowhere + ": Cannot assign requested address");
}

/// Whoever could enter the folder could speak for a machine.
TEST(LinkOpening, RefusesAFolderThatOthersMayEnter) {
  SocketFolder folder;
  const auto group = std::filesystem::path(folder.endpoint(0).substr(6)).parent_path();
  std::filesystem::permissions(group, std::filesystem::perms::all);
  LinkedMachine machine(
      plan_of_machine(0, {0, 1}, {folder.endpoint(0), folder.endpoint(1)}, one_edge(room_for(4))));
  const auto opened = machine.open(std::chrono::milliseconds(100));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kPermission);
}

TEST(LinkSize, CarriesAMessageOfAGibibyte) {
  if (std::getenv("MVM_LONG") == nullptr)
    GTEST_SKIP() << "takes 3 GiB of memory; MVM_LONG=1 runs it";
  LinkedGroup group(Wire::kIpc, {0, 1}, one_edge(room_for(4)));
  const auto message = pattern(5, kMaxMessage.count);
  std::thread sends([&] { EXPECT_EQ(group[0].sender(0).send(message), Posted::kYes); });
  std::string got;
  EXPECT_EQ(group[1].receiver(0, 1).receive(got), Received::kMessage);
  sends.join();
  EXPECT_TRUE(got == message);
}

}  // namespace
}  // namespace mvm::queue
