// SPDX-License-Identifier: Apache-2.0
// A link with a peer of its group that breaks the protocol.
#include <algorithm>
#include <random>

#include "played_peer.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

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

}  // namespace
}  // namespace mvm::queue
