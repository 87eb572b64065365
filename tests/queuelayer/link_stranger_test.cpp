// SPDX-License-Identifier: Apache-2.0
// A link among strangers: whoever reaches its address, but does not hold the group's keys.
#include <gtest/gtest.h>
#include <poll.h>

#include <thread>
#include <zmq.hpp>

#include "hand_held_wire.hpp"
#include "link_keys.hpp"
#include "linked_machines.hpp"
#include "tls_stream.hpp"

namespace mvm::queue {
namespace {

/// A group of two machines over TCP, and proof that it works.
class GroupAmongStrangers {
 public:
  explicit GroupAmongStrangers(Wire wire)
      : endpoints{free_tcp_endpoint(), free_tcp_endpoint()},
        plans(plans_over(wire, {0, 1}, {{0, {1}, room_for(2)}, {1, {0}, room_for(2)}}, endpoints,
                         endpoints)),
        first(plans[0]),
        second(plans[1]) {}
  void open() {
    std::thread opens([&] { EXPECT_TRUE(second.open()); });
    EXPECT_TRUE(first.open());
    opens.join();
  }
  void expect_to_work() {
    std::string got;
    ASSERT_EQ(first.sender(0).send("still here"), Posted::kYes);
    ASSERT_EQ(second.receiver(0, 1).receive(got), Received::kMessage);
    EXPECT_EQ(got, "still here");
    ASSERT_EQ(second.sender(1).send("here, too"), Posted::kYes);
    ASSERT_EQ(first.receiver(1, 0).receive(got), Received::kMessage);
    EXPECT_EQ(got, "here, too");
  }
  void wait_for_refused(std::uint64_t count) {
    const auto refused = [this] { return first.link().figures().connections_refused; };
    for (int i = 0; i < 20'000 && refused() < count; ++i) ::usleep(1000);
    EXPECT_GE(refused(), count);
  }

  std::vector<std::string> endpoints;
  std::vector<WiringPlan> plans;
  LinkedMachine first;
  LinkedMachine second;
};

class Stranger : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(With, Stranger,
                         testing::Values("NoKeys", "ServersKeyOnly", "AnotherServersKey", "NoZmq"),
                         [](const auto& chosen) { return std::string(chosen.param); });

TEST_P(Stranger, GetsNothingAndHarmsNothing) {
  const std::string with = GetParam();
  GroupAmongStrangers group(Wire::kTcpWithKeys);
  const auto keys = *derive_curve_keys(group.plans[0].secret);
  const auto others = *derive_curve_keys(fresh_secret());
  group.open();

  zmq::context_t context{1};
  zmq::socket_t stranger{context,
                         with == "NoZmq" ? zmq::socket_type::stream : zmq::socket_type::dealer};
  stranger.set(zmq::sockopt::linger, 0);
  if (with != "NoZmq") {
    stranger.set(zmq::sockopt::routing_id, std::string("mvm\1\0\0\0", 7));
  }
  if (with == "ServersKeyOnly" || with == "AnotherServersKey") {
    const auto& server = with == "ServersKeyOnly" ? keys : others;
    stranger.set(zmq::sockopt::curve_serverkey, server.server_public);
    stranger.set(zmq::sockopt::curve_publickey, others.client_public);
    stranger.set(zmq::sockopt::curve_secretkey, others.client_secret);
  }
  zmq::socket_t verdict{context, zmq::socket_type::pair};
  ::zmq_socket_monitor(stranger.handle(), "inproc://verdict", ZMQ_EVENT_ALL);
  verdict.connect("inproc://verdict");
  stranger.connect(group.endpoints[0]);
  if (with == "NoZmq") {
    zmq::message_t id;
    ASSERT_TRUE(stranger.recv(id));
    zmq::message_t greeting;
    ASSERT_TRUE(stranger.recv(greeting));
    stranger.send(id, zmq::send_flags::sndmore);
    stranger.send(zmq::buffer(pattern(1, 10'000)), zmq::send_flags::none);
  } else {
    // Were it heard, it would be counted as a damaged parcel of machine 1.
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
  // To ZeroMQ what says nothing that it understands is one that left early.
  if (with != "NoZmq") group.wait_for_refused(1);
  group.expect_to_work();
  EXPECT_EQ(group.first.link().figures().peers[0].parcels_refused, 0u);
  EXPECT_EQ(group.first.link().figures().peers[0].reconnects, 0u);
  ::zmq_socket_monitor(stranger.handle(), nullptr, 0);
}

/// True when the other end closed the connection, having said no more than a TLS alert.
bool is_turned_away(int socket, std::size_t most_bytes) {
  std::size_t got = 0;
  for (;;) {
    pollfd readable{socket, POLLIN, 0};
    if (::poll(&readable, 1, 30'000) != 1) return false;
    char bytes[1024];
    const auto count = ::recv(socket, bytes, sizeof bytes, 0);
    if (count <= 0) return got <= most_bytes;
    got += static_cast<std::size_t>(count);
  }
}

constexpr std::size_t kTlsAlert = 7;

TEST(DirectStranger, GetsNothingForWordsThatAreNoTls) {
  GroupAmongStrangers group(Wire::kDirectTcp);
  group.open();
  const auto socket = connect_to(group.endpoints[0]);
  const std::string words = std::string("mvmlink2\1\0\0\0\0\0\0\0", 16) + " and then some more";
  ::send(socket.get(), words.data(), words.size(), MSG_NOSIGNAL);
  EXPECT_TRUE(is_turned_away(socket.get(), kTlsAlert));
  group.wait_for_refused(1);
  group.expect_to_work();
}

TEST(DirectStranger, GetsNothingWithAnotherKey) {
  GroupAmongStrangers group(Wire::kDirectTcp);
  group.open();
  const auto key = TlsKey::make(std::string(64, 'b'), TlsKey::Use::kEncrypts);
  ASSERT_TRUE(key);
  const auto socket = connect_to(group.endpoints[0]);
  TlsStream stream(**key, socket.get(), TlsStream::Side::kConnects);
  EXPECT_EQ(stream.shake_hands(), Moved::kClosed);
  group.wait_for_refused(1);
  group.expect_to_work();
}

/// One who holds the key of the group, and claims to be a machine that does not connect to there.
TEST(DirectStranger, IsTurnedAwayUnderAForeignNumber) {
  GroupAmongStrangers group(Wire::kDirectTcp);
  group.open();
  const auto key = TlsKey::make(group.plans[0].secret, TlsKey::Use::kEncrypts);
  ASSERT_TRUE(key);
  std::uint64_t refused = 0;
  for (const char* greeting : {"mvmlink2\7\0\0\0\0\0\0\0", "mvmlink2\0\0\0\0\0\0\0\0",
                               "mvmlink2\1\0\0\0\5\0\0\0", "mvmlink9\1\0\0\0\0\0\0\0"}) {
    const auto socket = connect_to(group.endpoints[0]);
    TlsStream stream(**key, socket.get(), TlsStream::Side::kConnects);
    ASSERT_EQ(stream.shake_hands(), Moved::kSome);
    std::size_t count = 0;
    ASSERT_TRUE(stream.write({greeting, 16}));
    ASSERT_EQ(stream.flush(), Moved::kSome);
    char byte = 0;
    EXPECT_EQ(stream.read({&byte, 1}, count), Moved::kClosed);
    group.wait_for_refused(++refused);
  }
  group.expect_to_work();
}

/// Strangers who connect and say nothing keep nobody out.
TEST(DirectStranger, CannotKeepTheGroupOut) {
  GroupAmongStrangers group(Wire::kDirectTcp);
  std::vector<UniqueFd> silent;
  std::thread crowd([&] {
    for (int i = 0; i < 100; ++i) silent.push_back(connect_to(group.endpoints[0]));
  });
  std::thread opens([&] { EXPECT_TRUE(group.first.open()); });
  crowd.join();
  EXPECT_TRUE(group.second.open());
  opens.join();
  group.wait_for_refused(50);
  group.expect_to_work();
}

/// Nobody listens or connects unprotected, because a plan came without keys.
TEST(LinkOverTcp, NeedsTheGroupsSecrets) {
  for (const auto wire : {Wire::kTcpWithKeys, Wire::kDirectTcp}) {
    const std::vector<std::string> endpoints = {free_tcp_endpoint(), free_tcp_endpoint()};
    auto plan = plans_over(wire, {0, 1}, {{0, {1}}}, endpoints, endpoints)[0];
    plan.secret.clear();
    LinkedMachine machine(plan);
    const auto opened = machine.open(std::chrono::milliseconds(100));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidPlan) << name_of(wire);
  }
}

}  // namespace
}  // namespace mvm::queue
