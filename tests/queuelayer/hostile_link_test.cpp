// SPDX-License-Identifier: Apache-2.0
// A link among strangers, and with a peer that breaks the protocol.
#include <gtest/gtest.h>

#include <zmq.hpp>

#include "link_frame.hpp"
#include "linked_machines.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

/// Machine 1 of a group of two, played by hand over against a real machine 0. Edge 0 leaves machine
/// 0, edge 1 arrives there; each has room for two messages.
class PlayedPeer : public testing::Test {
 protected:
  PlayedPeer()
      : machine(plan_of_machine(0, {0, 1}, {folder.endpoint(0), folder.endpoint(1)},
                                {{0, {1}, room_for(2, 100_KiB)}, {1, {0}, room_for(2, 100_KiB)}})) {
    from.bind(folder.endpoint(1));
    to.set(zmq::sockopt::linger, 0);
    to.connect(folder.endpoint(0));
    say({.kind = LinkKind::kHello, .machine = 1});
    const auto opened = machine.open();
    EXPECT_TRUE(opened) << opened.error().message;
  }
  void say_raw(std::vector<std::string> parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      to.send(zmq::buffer(parts[i]),
              i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  void say(const LinkFrame& frame) { say_raw({encode(frame)}); }
  void say_data(std::uint64_t channel, const std::string& payload, std::uint64_t message_length,
                bool more = false) {
    say_raw(
        {encode(LinkFrame{LinkKind::kData, 1, channel, message_length, more ? kMoreFollows : 0}),
         payload});
  }
  void expect_failure(const std::string& words) {
    const auto failure = machine.failure();
    EXPECT_EQ(failure.code, ErrorCode::kProtocol);
    EXPECT_EQ(failure.message, words);
  }

  SocketFolder folder;
  zmq::context_t context{1};
  zmq::socket_t from{context, zmq::socket_type::pull};
  zmq::socket_t to{context, zmq::socket_type::push};
  LinkedMachine machine;
};

TEST_F(PlayedPeer, IsHeardWhenItKeepsToTheProtocol) {
  say_data(1, "hello", 5);
  say_data(1, std::string(60'000, 'x'), 90'000, true);
  say_data(1, std::string(30'000, 'x'), 90'000);
  auto receiver = machine.receiver(1, 0);
  std::string got;
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_EQ(got, "hello");
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_EQ(got, std::string(90'000, 'x'));
}

constexpr const char* kNoFrame = "a peer sent a frame that is none of the link protocol";

TEST_F(PlayedPeer, IsRefusedWithAnotherVersion) {
  auto bytes = encode(LinkFrame{.kind = LinkKind::kAck, .machine = 1});
  bytes[0] = 2;
  say_raw({bytes});
  expect_failure(kNoFrame);
}
TEST_F(PlayedPeer, IsRefusedWithAnUnknownKind) {
  say({.kind = static_cast<LinkKind>(99), .machine = 1});
  expect_failure(kNoFrame);
}
TEST_F(PlayedPeer, IsRefusedWithAShortFrame) {
  say_raw({encode(LinkFrame{.kind = LinkKind::kAck, .machine = 1}).substr(0, 9)});
  expect_failure(kNoFrame);
}
TEST_F(PlayedPeer, IsRefusedWithALongFrame) {
  say_raw({encode(LinkFrame{.kind = LinkKind::kAck, .machine = 1}) + "x"});
  expect_failure(kNoFrame);
}
TEST_F(PlayedPeer, IsRefusedWithDataWithoutPayload) {
  say({.kind = LinkKind::kData, .machine = 1, .channel = 1});
  expect_failure(kNoFrame);
}
TEST_F(PlayedPeer, IsRefusedWithTooManyParts) {
  say_raw({encode(LinkFrame{.kind = LinkKind::kAck, .machine = 1}), "x"});
  expect_failure(kNoFrame);
}
TEST_F(PlayedPeer, IsRefusedUnderAForeignNumber) {
  say({.kind = LinkKind::kHello, .machine = 7});
  expect_failure("machine 7 broke the link protocol: it has no such number in this group");
}
TEST_F(PlayedPeer, IsRefusedUnderOurOwnNumber) {
  say({.kind = LinkKind::kHello, .machine = 0});
  expect_failure("machine 0 broke the link protocol: it has no such number in this group");
}

constexpr const char* kNotFromThere =
    "machine 1 broke the link protocol: data for a channel that does not come from there";

TEST_F(PlayedPeer, IsRefusedWithDataOfAnUnknownChannel) {
  say_data(77, "x", 1);
  expect_failure(kNotFromThere);
}
TEST_F(PlayedPeer, IsRefusedWithDataOfAChannelThatLeavesHere) {
  say_data(0, "x", 1);
  expect_failure(kNotFromThere);
}
TEST_F(PlayedPeer, IsRefusedWithALengthThatIsNotTrue) {
  say_data(1, "four", 5);
  expect_failure("machine 1 broke the link protocol: a length that is not true");
}

constexpr const char* kNotAddingUp =
    "machine 1 broke the link protocol: fragments that do not add up";

TEST_F(PlayedPeer, IsRefusedWithFragmentsThatAreTooLong) {
  say_data(1, std::string(600, 'x'), 1000, true);
  say_data(1, std::string(600, 'x'), 1000);
  expect_failure(kNotAddingUp);
}
TEST_F(PlayedPeer, IsRefusedWithFragmentsThatEndTooEarly) {
  say_data(1, std::string(600, 'x'), 1000, true);
  say_data(1, std::string(300, 'x'), 1000);
  expect_failure(kNotAddingUp);
}
TEST_F(PlayedPeer, IsRefusedWithFragmentsThatGoOnAfterTheEnd) {
  say_data(1, std::string(1000, 'x'), 1000, true);
  expect_failure(kNotAddingUp);
}
TEST_F(PlayedPeer, IsRefusedWithAnEmptyMessageThatGoesOn) {
  say_data(1, "", 0, true);
  expect_failure(kNotAddingUp);
}
TEST_F(PlayedPeer, IsRefusedOverTheMessageLimit) {
  say_data(1, "x", kMaxMessage.count + 1, true);
  expect_failure("machine 1 broke the link protocol: a message over the limit");
}
TEST_F(PlayedPeer, IsRefusedOverTheCapacity) {
  for (int i = 0; i < 3; ++i) say_data(1, "x", 1);
  expect_failure("machine 1 broke the link protocol: more than was agreed");
}
TEST_F(PlayedPeer, IsRefusedWhenItTookInMoreThanWasSent) {
  say({.kind = LinkKind::kWindow, .machine = 1, .number = 1});
  expect_failure("machine 1 broke the link protocol: it took in more than was sent");
}
TEST_F(PlayedPeer, IsRefusedWhenItReleasedMoreThanWasSent) {
  say({.kind = LinkKind::kAck, .machine = 1, .channel = 0, .number = 1});
  expect_failure("machine 1 broke the link protocol: it released more than was sent");
}
TEST_F(PlayedPeer, IsRefusedWithAnAcknowledgementOfAnUnknownChannel) {
  say({.kind = LinkKind::kAck, .machine = 1, .channel = 77, .number = 0});
  expect_failure("machine 1 broke the link protocol: news of a channel that does not lead there");
}
TEST_F(PlayedPeer, IsRefusedWithTheGoneReceiversOfAnUnknownChannel) {
  say({.kind = LinkKind::kGone, .machine = 1, .channel = 77});
  expect_failure("machine 1 broke the link protocol: news of a channel that does not lead there");
}
TEST_F(PlayedPeer, IsRefusedWithTheEndOfAnUnknownChannel) {
  say({.kind = LinkKind::kEnd, .machine = 1, .channel = 0});
  expect_failure("machine 1 broke the link protocol: the end of an unknown channel");
}

/// Random frames: the link fails with an error or goes on, and never does anything worse.
TEST(HostileLink, SurvivesRandomFrames) {
  const auto seed = test_seed();
  for (std::uint32_t run = 0; run < 20; ++run) {
    std::mt19937 random(seed + run);
    SocketFolder folder;
    zmq::context_t context{1};
    zmq::socket_t from{context, zmq::socket_type::pull};
    zmq::socket_t to{context, zmq::socket_type::push};
    from.bind(folder.endpoint(1));
    to.connect(folder.endpoint(0));
    to.set(zmq::sockopt::linger, 0);
    LinkedMachine machine(
        plan_of_machine(0, {0, 1}, {folder.endpoint(0), folder.endpoint(1)}, {{0, {1}}, {1, {0}}}));
    const auto send = [&](const LinkFrame& frame) { to.send(zmq::buffer(encode(frame))); };
    send({.kind = LinkKind::kHello, .machine = 1});
    ASSERT_TRUE(machine.open());
    for (int i = 0; i < 50; ++i) {
      LinkFrame frame{.kind = static_cast<LinkKind>(random_below(random, 6)),
                      .machine = 1,
                      .channel = random_below(random, 2),
                      .number = random_below(random, 3),
                      .slot_kind = random_below(random, 2) == 0 ? 0 : kMoreFollows};
      if (frame.kind != LinkKind::kData) {
        send(frame);
        continue;
      }
      to.send(zmq::buffer(encode(frame)), zmq::send_flags::sndmore);
      to.send(zmq::buffer(pattern(0, random_below(random, 3))));
    }
    machine.close();
  }
}

// Strangers: whoever reaches the address, but does not hold the group's keys.

class Stranger : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(With, Stranger,
                         testing::Values("NoKeys", "ServersKeyOnly", "AnotherServersKey", "NoZmq"),
                         [](const auto& chosen) { return std::string(chosen.param); });

TEST_P(Stranger, GetsNothingAndHarmsNothing) {
  const std::string with = GetParam();
  const std::vector<std::string> endpoints = {free_tcp_endpoint(), free_tcp_endpoint()};
  const auto keys = fresh_keys();
  const auto others = fresh_keys();
  const std::vector<Edge> edges = {{0, {1}, room_for(2)}, {1, {0}, room_for(2)}};
  LinkedMachine first(plan_of_machine(0, {0, 1}, endpoints, edges, keys));
  LinkedMachine second(plan_of_machine(1, {0, 1}, endpoints, edges, keys));
  std::thread opens([&] { EXPECT_TRUE(second.open()); });
  EXPECT_TRUE(first.open());
  opens.join();

  zmq::context_t context{1};
  zmq::socket_t stranger{context,
                         with == "NoZmq" ? zmq::socket_type::stream : zmq::socket_type::push};
  stranger.set(zmq::sockopt::linger, 0);
  if (with == "ServersKeyOnly" || with == "AnotherServersKey") {
    const auto& server = with == "ServersKeyOnly" ? keys : others;
    stranger.set(zmq::sockopt::curve_serverkey, server.server_public);
    stranger.set(zmq::sockopt::curve_publickey, others.client_public);
    stranger.set(zmq::sockopt::curve_secretkey, others.client_secret);
  }
  zmq::socket_t verdict{context, zmq::socket_type::pair};
  ::zmq_socket_monitor(stranger.handle(), "inproc://verdict", ZMQ_EVENT_ALL);
  verdict.connect("inproc://verdict");
  stranger.connect(endpoints[0]);
  if (with == "NoZmq") {
    zmq::message_t id;
    ASSERT_TRUE(stranger.recv(id));
    zmq::message_t greeting;
    ASSERT_TRUE(stranger.recv(greeting));
    stranger.send(id, zmq::send_flags::sndmore);
    stranger.send(zmq::buffer(pattern(1, 10'000)), zmq::send_flags::none);
  } else {
    // Whatever it says, it is hostile: were it heard, the link would fail.
    stranger.send(zmq::buffer(std::string("garbage")), zmq::send_flags::dontwait);
    // The verdict: the handshake failed, or was cut.
    verdict.set(zmq::sockopt::rcvtimeo, 30'000);
    for (;;) {
      zmq::message_t event;
      zmq::message_t address;
      ASSERT_TRUE(verdict.recv(event)) << "neither let in nor turned away";
      ASSERT_TRUE(verdict.recv(address));
      std::uint16_t kind = 0;
      std::memcpy(&kind, event.data(), sizeof kind);
      ASSERT_NE(kind, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
      if ((kind & (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                   ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED)) != 0) {
        break;
      }
    }
  }
  std::string got;
  ASSERT_EQ(first.sender(0).send("still here"), Sent::kYes);
  ASSERT_EQ(second.receiver(0, 1).receive(got), Received::kMessage);
  EXPECT_EQ(got, "still here");
  ASSERT_EQ(second.sender(1).send("here, too"), Sent::kYes);
  ASSERT_EQ(first.receiver(1, 0).receive(got), Received::kMessage);
  EXPECT_EQ(got, "here, too");
  ::zmq_socket_monitor(stranger.handle(), nullptr, 0);
}

}  // namespace
}  // namespace mvm::queue
