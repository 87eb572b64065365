// SPDX-License-Identifier: Apache-2.0
// A link among strangers, and with a peer that breaks the protocol.
#include <gtest/gtest.h>
#include <netdb.h>
#include <poll.h>
#include <sys/un.h>

#include <cstring>
#include <zmq.hpp>

#include "link_frame.hpp"
#include "link_parcel.hpp"
#include "linked_machines.hpp"
#include "little_endian.hpp"
#include "socket_address.hpp"
#include "test_seed.hpp"
#include "tls_stream.hpp"

namespace mvm::queue {
namespace {

/// A socket that a test holds by hand.
UniqueFd connect_to(const std::string& endpoint) {
  const auto address = SocketAddress::resolve(endpoint);
  UniqueFd socket(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (::connect(socket.get(), address->generic(), address->length) == 0) return socket;
    ::usleep(1000);
  }
  ADD_FAILURE() << "nobody listens at " << endpoint;
  return socket;
}

/// What the hand of a played machine holds.
class HandHeldWire {
 public:
  virtual ~HandHeldWire() = default;
  virtual void say(const std::vector<std::string>& parts) = 0;
  /// A new connection in place of the old one.
  virtual void connect() = 0;
};

class HandHeldZmq : public HandHeldWire {
 public:
  explicit HandHeldZmq(std::string endpoint) : endpoint_(std::move(endpoint)) {}
  void connect() override {
    socket_.emplace(context_, zmq::socket_type::dealer);
    socket_->set(zmq::sockopt::linger, 0);
    socket_->set(zmq::sockopt::routing_id, std::string("mvm\1\0\0\0", 7));
    socket_->connect(endpoint_);
  }
  void say(const std::vector<std::string>& parts) override {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      socket_->send(zmq::buffer(parts[i]),
                    i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }

 private:
  std::string endpoint_;
  zmq::context_t context_{1};
  std::optional<zmq::socket_t> socket_;
};

class HandHeldSocket : public HandHeldWire {
 public:
  explicit HandHeldSocket(std::string endpoint) : endpoint_(std::move(endpoint)) {}
  void connect() override {
    socket_ = connect_to(endpoint_);
    say_bytes(std::string("mvmlink2\1\0\0\0\0\0\0\0", 16));
  }
  void say(const std::vector<std::string>& parts) override {
    std::string bytes(8, '\0');
    char* at = bytes.data();
    put_little(at, static_cast<std::uint32_t>(parts[0].size()));
    put_little(at, static_cast<std::uint32_t>(parts.size() > 1 ? parts[1].size() : 0));
    for (const auto& part : parts) bytes += part;
    say_bytes(bytes);
  }
  /// Nobody listens any more once a machine has ended the group: then its words are lost.
  void say_bytes(const std::string& bytes) {
    if (!socket_) return;
    pollfd wait{socket_.get(), POLLOUT, 0};
    constexpr int kListensMs = 2000;
    const bool listens = ::poll(&wait, 1, kListensMs) == 1;
    if (!listens ||
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      socket_.reset();
    }
  }

 private:
  std::string endpoint_;
  UniqueFd socket_;
};

/// Machine 1 of a group of two, played by hand over against a real machine 0. Edges 0 and 2 leave
/// machine 0, edges 1 and 3 arrive there; each has room for two messages. Edges 2 and 3 are
/// shelves.
class PlayedPeer : public testing::TestWithParam<Wire> {
 protected:
  PlayedPeer() : machine(plan_for(folder)) {
    const auto endpoint = folder.endpoint(0);
    if (is_direct(GetParam())) {
      wire = std::make_unique<HandHeldSocket>(endpoint);
    } else {
      wire = std::make_unique<HandHeldZmq>(endpoint);
    }
    std::thread greets([this] {
      wire->connect();
      say_parcel({});
    });
    const auto opened = machine.open();
    EXPECT_TRUE(opened) << opened.error().message;
    greets.join();
  }
  static WiringPlan plan_for(const SocketFolder& folder) {
    const std::vector<std::string> endpoints = {folder.endpoint(0), folder.endpoint(1)};
    auto shelf = room_for(2, 100_KiB);
    shelf.type = QueueType::kPriority;
    shelf.overflow = Overflow::kDropOldest;
    return plans_over(GetParam(), {0, 1},
                      {{0, {1}, room_for(2, 100_KiB)},
                       {1, {0}, room_for(2, 100_KiB)},
                       {0, {1}, shelf},
                       {1, {0}, shelf}},
                      endpoints, endpoints)[0];
  }

  /// The next parcel, with these frames; a large payload of the last becomes the tail.
  void say_parcel(const std::vector<LinkFrame>& frames) {
    std::string head(kParcelHeadBytes, '\0');
    std::string tail;
    for (auto frame : frames) {
      frame.length = static_cast<std::uint32_t>(frame.payload.size());
      frame.in_tail = frame.payload.size() > kSmallPayload;
      if (frame.in_tail) tail = frame.payload;
      append_frame(head, frame);
    }
    say_sealed(head, tail);
  }
  void say_sealed(std::string head, const std::string& tail = {}) {
    const auto sequence = head.size() > kParcelHeadBytes ? sent++ : sent;
    seal_parcel(head,
                {.from = 1,
                 .to = 0,
                 .sequence = sequence,
                 .tail_length = static_cast<std::uint32_t>(tail.size())},
                group_key("test-0123abcd"));
    if (tail.empty()) return wire->say({head});
    wire->say({head, tail});
  }
  void say_piece(std::uint64_t channel, const std::string& payload, std::uint64_t message_length,
                 bool more = false) {
    say_parcel({{.kind = LinkKind::kPiece,
                 .channel = channel,
                 .message_length = message_length,
                 .slot_kind = more ? kMoreFollows : 0,
                 .payload = payload}});
  }
  void say_message(std::uint64_t number, const std::string& payload, std::uint64_t message_length) {
    say_parcel({{.kind = LinkKind::kMessage,
                 .channel = 3,
                 .number = number,
                 .message_length = message_length,
                 .expires_ns = kNever,
                 .deadline_ns = kNever,
                 .payload = payload}});
  }
  void say_more(std::uint64_t number, std::uint64_t offset, const std::string& payload) {
    say_parcel({{.kind = LinkKind::kMore,
                 .channel = 3,
                 .number = number,
                 .offset = offset,
                 .payload = payload}});
  }
  void expect_breach(const std::string& words) {
    const auto failure = machine.failure();
    EXPECT_EQ(failure.code, ErrorCode::kProtocol);
    EXPECT_EQ(failure.message, "machine 1 broke the link protocol: " + words);
  }
  std::uint64_t refused() {
    const auto figures = machine.link().figures();
    return figures.peers.at(0).parcels_refused + figures.connections_refused;
  }
  void wait_for_refused(std::uint64_t count) {
    for (int i = 0; i < 20'000 && refused() < count; ++i) ::usleep(1000);
    EXPECT_GE(refused(), count);
  }

  SocketFolder folder;
  LinkedMachine machine;
  std::unique_ptr<HandHeldWire> wire;
  std::uint64_t sent = 0;
};
INSTANTIATE_TEST_SUITE_P(Over, PlayedPeer, testing::Values(Wire::kIpc, Wire::kDirectIpc),
                         [](const auto& chosen) { return name_of(chosen.param); });

TEST_P(PlayedPeer, IsHeardWhenItKeepsToTheProtocol) {
  say_piece(1, "hello", 5);
  say_piece(1, std::string(60'000, 'x'), 90'000, true);
  say_piece(1, std::string(30'000, 'x'), 90'000);
  auto receiver = machine.receiver(1, 0);
  std::string got;
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_EQ(got, "hello");
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_EQ(got, std::string(90'000, 'x'));
  say_message(7, std::string(60'000, 'y'), 90'000);
  say_message(8, "between", 7);
  say_more(7, 60'000, std::string(30'000, 'y'));
  auto shelf = machine.receiver(3, 0);
  std::vector<std::string> both(2);
  for (auto& message : both) ASSERT_EQ(shelf.receive(message), Received::kMessage);
  std::sort(both.begin(), both.end());
  EXPECT_EQ(both[0], "between");
  EXPECT_EQ(both[1], std::string(90'000, 'y'));
}

// What is damaged on its way is nobody's fault: it is counted, and comes again.

TEST_P(PlayedPeer, IsHeardAgainAfterADamagedParcel) {
  std::string head(kParcelHeadBytes, '\0');
  append_frame(head, {.kind = LinkKind::kEnd, .channel = 1});
  wire->say({head});  // without a checksum
  wait_for_refused(1);
  // A direct connection is closed then, and a unix socket has no name any more to connect to again;
  // BrokenLink shows how it goes on over TCP.
  if (is_direct(GetParam())) return;
  say_piece(1, "hello", 5);
  std::string got;
  ASSERT_EQ(machine.receiver(1, 0).receive(got), Received::kMessage);
  EXPECT_EQ(got, "hello");
}

TEST_P(PlayedPeer, IsNotHeardWithPartsOfAWrongLength) {
  if (is_direct(GetParam())) {
    wire->say({std::string(3, 'x')});
    wait_for_refused(1);
    return;
  }
  wire->say({"a", "b", "c"});
  wire->say({"a", "b", "c", "d", "e"});
  wire->say({std::string(kLargestParcelHead + 1, 'x')});
  wire->say({""});
  wait_for_refused(4);
  say_piece(1, "hello", 5);
  std::string got;
  ASSERT_EQ(machine.receiver(1, 0).receive(got), Received::kMessage);
  EXPECT_EQ(got, "hello");
}

TEST_P(PlayedPeer, IsHeardOnceWhenItSaysEverythingTwice) {
  for (int i = 0; i < 2; ++i) {
    sent = 0;
    say_piece(1, "one", 3);
    say_piece(1, "two", 3);
  }
  auto receiver = machine.receiver(1, 0);
  std::string got;
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  say_piece(1, "three", 5);
  ASSERT_EQ(receiver.receive(got), Received::kMessage);
  EXPECT_EQ(got, "three");
}

// What is wrong with a sound parcel is the peer's own doing, and ends the group.

TEST_P(PlayedPeer, IsRefusedWithAnUnknownKind) {
  std::string head(kParcelHeadBytes, '\0');
  say_sealed(head + static_cast<char>(99));
  expect_breach("a frame that makes no sense");
}
TEST_P(PlayedPeer, IsRefusedWithAShortFrame) {
  std::string head(kParcelHeadBytes, '\0');
  append_frame(head, {.kind = LinkKind::kReleased, .channel = 0});
  say_sealed(head.substr(0, head.size() - 1));
  expect_breach("a frame that makes no sense");
}
TEST_P(PlayedPeer, IsRefusedWithATailThatNoFrameNames) {
  std::string head(kParcelHeadBytes, '\0');
  append_frame(head, {.kind = LinkKind::kReleased, .channel = 0});
  say_sealed(head, "tail");
  expect_breach("a frame that makes no sense");
}
TEST_P(PlayedPeer, IsRefusedWithWordsAfterItsFarewell) {
  say_parcel({{.kind = LinkKind::kBye}, {.kind = LinkKind::kEnd, .channel = 1}});
  expect_breach("words after its farewell");
}

constexpr const char* kNotFromThere = "data for a channel that does not come from there";
constexpr const char* kNotToThere = "news of a channel that does not lead there";

TEST_P(PlayedPeer, IsRefusedWithDataOfAnUnknownChannel) {
  say_piece(77, "x", 1);
  expect_breach(kNotFromThere);
}
TEST_P(PlayedPeer, IsRefusedWithDataOfAChannelThatLeavesHere) {
  say_piece(0, "x", 1);
  expect_breach(kNotFromThere);
}
TEST_P(PlayedPeer, IsRefusedWithTheEndOfAChannelThatLeavesHere) {
  say_parcel({{.kind = LinkKind::kEnd, .channel = 0}});
  expect_breach(kNotFromThere);
}
TEST_P(PlayedPeer, IsRefusedWithNewsOfAnUnknownChannel) {
  say_parcel({{.kind = LinkKind::kReleased, .channel = 77}});
  expect_breach(kNotToThere);
}
TEST_P(PlayedPeer, IsRefusedWithTheGoneReceiversOfAnUnknownChannel) {
  say_parcel({{.kind = LinkKind::kGone, .channel = 77}});
  expect_breach(kNotToThere);
}
TEST_P(PlayedPeer, IsRefusedWithDataOfAShelfForARing) {
  say_parcel({{.kind = LinkKind::kMessage, .channel = 1, .message_length = 1, .payload = "x"}});
  expect_breach("data for another kind of queue");
}
TEST_P(PlayedPeer, IsRefusedWithDataOfARingForAShelf) {
  say_piece(3, "x", 1);
  expect_breach("data for another kind of queue");
}
TEST_P(PlayedPeer, IsRefusedWithNewsOfAShelfForARing) {
  say_parcel({{.kind = LinkKind::kDone, .channel = 0}});
  expect_breach("news of another kind of queue");
}
TEST_P(PlayedPeer, IsRefusedWithNewsOfARingForAShelf) {
  say_parcel({{.kind = LinkKind::kReleased, .channel = 2}});
  expect_breach("news of another kind of queue");
}

TEST_P(PlayedPeer, IsRefusedWithALengthThatIsNotTrue) {
  say_piece(1, "four", 5);
  expect_breach("a length that is not true");
}
TEST_P(PlayedPeer, IsRefusedWithATypeThatNoQueueHas) {
  say_parcel({{.kind = LinkKind::kPiece,
               .channel = 1,
               .message_length = 1,
               .slot_kind = kOutOfLine,
               .payload = "x"}});
  expect_breach("a type that no queue has");
}

constexpr const char* kNotAddingUp = "fragments that do not add up";

TEST_P(PlayedPeer, IsRefusedWithFragmentsThatAreTooLong) {
  say_piece(1, std::string(600, 'x'), 1000, true);
  say_piece(1, std::string(600, 'x'), 1000);
  expect_breach(kNotAddingUp);
}
TEST_P(PlayedPeer, IsRefusedWithFragmentsThatEndTooEarly) {
  say_piece(1, std::string(600, 'x'), 1000, true);
  say_piece(1, std::string(300, 'x'), 1000);
  expect_breach(kNotAddingUp);
}
TEST_P(PlayedPeer, IsRefusedWithFragmentsThatGoOnAfterTheEnd) {
  say_piece(1, std::string(1000, 'x'), 1000, true);
  expect_breach(kNotAddingUp);
}
TEST_P(PlayedPeer, IsRefusedWithAnEmptyMessageThatGoesOn) {
  say_piece(1, "", 0, true);
  expect_breach(kNotAddingUp);
}
TEST_P(PlayedPeer, IsRefusedOverTheMessageLimit) {
  say_piece(1, "x", kMaxMessage.count + 1, true);
  expect_breach("a message over the limit");
}
TEST_P(PlayedPeer, IsRefusedOverTheCapacity) {
  for (int i = 0; i < 3; ++i) say_piece(1, "x", 1);
  expect_breach("more than was agreed");
}
TEST_P(PlayedPeer, IsRefusedWhenItReleasedMoreThanWasSent) {
  say_parcel({{.kind = LinkKind::kReleased, .channel = 0, .number = 1}});
  expect_breach("it released more than was sent");
}

TEST_P(PlayedPeer, IsRefusedWithAShelfsMessageOverTheLimit) {
  say_message(0, "x", kMaxMessage.count + 1);
  expect_breach("a message over the limit");
}
TEST_P(PlayedPeer, IsRefusedWithAShelfsMessageThatIsLongerThanItSays) {
  say_message(0, "xx", 1);
  expect_breach("a length that is not true");
}
TEST_P(PlayedPeer, IsRefusedWithAShelfsMessageThatBeginsWithNothing) {
  say_message(0, "", 1);
  expect_breach("a length that is not true");
}
TEST_P(PlayedPeer, IsRefusedWithAShelfsMessageThatBeginsTwice) {
  say_message(5, "x", 10);
  say_message(5, "x", 10);
  expect_breach("a message that is there already");
}
TEST_P(PlayedPeer, IsRefusedWithPiecesOfAMessageThatNeverBegan) {
  say_more(5, 0, "x");
  expect_breach(kNotAddingUp);
}
TEST_P(PlayedPeer, IsRefusedWithPiecesOutOfOrder) {
  say_message(5, "x", 10);
  say_more(5, 2, "x");
  expect_breach(kNotAddingUp);
}
TEST_P(PlayedPeer, IsRefusedWithPiecesThatAreTooLong) {
  say_message(5, "x", 10);
  say_more(5, 1, std::string(10, 'x'));
  expect_breach(kNotAddingUp);
}
TEST_P(PlayedPeer, IsRefusedOverTheSlotsOfAShelf) {
  for (std::uint64_t n = 0; n < 100; ++n) say_message(n, "x", 1);
  expect_breach("more than was agreed");
}
TEST_P(PlayedPeer, IsRefusedWhenItIsDoneWithWhatItDoesNotHave) {
  std::string done;
  append_done(done, {.number = 3, .received = true});
  say_parcel({{.kind = LinkKind::kDone, .channel = 2, .payload = done}});
  expect_breach("it is done with a message that it does not have");
}

/// Random frames in sound parcels: the link fails with an error or goes on, and never does anything
/// worse.
TEST_P(PlayedPeer, DoesNoWorseThanEndTheGroup) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    std::string done;
    append_done(done, {.number = random_below(random, 3), .received = true});
    const auto bytes = pattern(0, random_below(random, 20));
    LinkFrame frame{.kind = static_cast<LinkKind>(random_below(random, 8)),
                    .channel = random_below(random, 4),
                    .number = random_below(random, 3),
                    .message_length = random_below(random, 20),
                    .offset = random_below(random, 3),
                    .slot_kind = random_below(random, 2) == 0 ? 0 : kMoreFollows,
                    .payload = bytes};
    if (frame.kind == LinkKind::kDone) frame.payload = done;
    say_parcel({frame});
  }
  machine.close();
}

/// Random bytes, whole and as parcels: refused, counted, without harm to what was connected.
TEST_P(PlayedPeer, IsNotHeardWithRandomBytes) {
  const auto seed = test_seed();
  std::mt19937 random(seed);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(random_below(random, 300), '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    if (!bytes.empty() && random_below(random, 2) == 0) bytes[0] = kLinkVersion;
    wire->say({bytes});
  }
  wait_for_refused(1);
  machine.close();
}

// Strangers: whoever reaches the address, but does not hold the group's keys.

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
  const auto& keys = group.plans[0].keys;
  const auto others = fresh_keys();
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
  const auto key = TlsKey::make(std::string(64, 'b'));
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
  const auto key = TlsKey::make(group.plans[0].keys.group_secret);
  ASSERT_TRUE(key);
  std::uint64_t refused = 0;
  for (const char* greeting : {"mvmlink2\7\0\0\0\0\0\0\0", "mvmlink2\0\0\0\0\0\0\0\0",
                               "mvmlink2\1\0\0\0\5\0\0\0", "mvmlink9\1\0\0\0\0\0\0\0"}) {
    const auto socket = connect_to(group.endpoints[0]);
    TlsStream stream(**key, socket.get(), TlsStream::Side::kConnects);
    ASSERT_EQ(stream.shake_hands(), Moved::kSome);
    std::size_t count = 0;
    ASSERT_EQ(stream.write({greeting, 16}, count), Moved::kSome);
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
    plan.keys = {};
    LinkedMachine machine(plan);
    const auto opened = machine.open(std::chrono::milliseconds(100));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidPlan) << name_of(wire);
  }
}

}  // namespace
}  // namespace mvm::queue
