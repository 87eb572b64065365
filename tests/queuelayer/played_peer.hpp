// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "hand_held_wire.hpp"
#include "link_frame.hpp"
#include "link_parcel.hpp"
#include "linked_machines.hpp"

namespace mvm::queue {

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

}  // namespace mvm::queue
