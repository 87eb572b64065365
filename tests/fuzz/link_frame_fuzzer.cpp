// SPDX-License-Identifier: Apache-2.0
// What another machine may send: parcels that are damaged, and sound parcels with frames that are
// not. Whatever is read as a frame is written back as the bytes that it came from; and the ends of
// channels that are told it refuse it or do it, and nothing else.
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "edited_form.hpp"
#include "link_channel.hpp"
#include "link_frame.hpp"
#include "link_parcel.hpp"
#include "link_session.hpp"
#include "queuelayer/edge_plan.hpp"

namespace {

using namespace mvm;
using namespace mvm::queue;

/// Two channels that arrive at machine 0, a ring and a shelf, and two that leave it.
WiringPlan plan() {
  auto shelf = room_for(4);
  shelf.type = QueueType::kPriority;
  shelf.overflow = Overflow::kDropOldest;
  return plan_of_machine(
      0, {0, 1}, {"ipc:///a/0", "ipc:///a/1"},
      {{1, {0}, room_for(4)}, {1, {0}, shelf}, {0, {1}, room_for(4)}, {0, {1}, shelf}});
}

std::string valid_frames() {
  std::string frames;
  append_frame(
      frames,
      {.kind = LinkKind::kPiece, .channel = 0, .message_length = 3, .length = 3, .payload = "abc"});
  append_frame(frames, {.kind = LinkKind::kPiece,
                        .channel = 0,
                        .message_length = 5,
                        .slot_kind = kMoreFollows,
                        .length = 3,
                        .payload = "abc"});
  append_frame(
      frames,
      {.kind = LinkKind::kPiece, .channel = 0, .message_length = 5, .length = 2, .payload = "de"});
  append_frame(frames, {.kind = LinkKind::kMessage,
                        .channel = 1,
                        .number = 1,
                        .message_length = 6,
                        .length = 3,
                        .expires_ns = kNever,
                        .deadline_ns = kNever,
                        .payload = "abc"});
  append_frame(frames, {.kind = LinkKind::kMore,
                        .channel = 1,
                        .number = 1,
                        .offset = 3,
                        .length = 3,
                        .payload = "def"});
  append_frame(frames, {.kind = LinkKind::kDrop, .channel = 1, .number = 1});
  append_frame(frames, {.kind = LinkKind::kReleased, .channel = 2, .number = 0});
  append_frame(frames, {.kind = LinkKind::kDone,
                        .channel = 3,
                        .length = 8,
                        .payload = std::string_view("\3\0\0\0\0\0\0\0", 8)});
  append_frame(frames, {.kind = LinkKind::kEnd, .channel = 1});
  append_frame(frames, {.kind = LinkKind::kGone, .channel = 3});
  append_frame(frames, {.kind = LinkKind::kBye});
  return frames;
}

/// An arena with the link's ends of all four channels.
struct Ends {
  WiringPlan wiring = plan();
  Arena arena = *Arena::create(wiring);
  SenderHeap heap{arena.endpoint(arena.header().link).heap,
                  arena.endpoint(arena.header().link).heap_size};
  std::unique_ptr<LinkInlet> inlets[2] = {make_ring_inlet(arena, 0, heap),
                                          make_shelf_inlet(arena, 1, heap)};
  std::unique_ptr<LinkOutlet> outlets[2] = {make_ring_outlet(arena, 2, {.messages = 4}),
                                            make_shelf_outlet(arena, 3, {.messages = 4})};

  /// False when it is refused.
  bool tell(const LinkFrame& frame, LinkSession& session) {
    if (frame.channel < 2) {
      if (frame.kind == LinkKind::kEnd) return inlets[frame.channel]->on_end(), true;
      return inlets[frame.channel]->on_data(frame, session).has_value();
    }
    if (frame.channel > 3) return false;
    if (frame.kind == LinkKind::kGone) return outlets[frame.channel - 2]->on_gone(), true;
    return outlets[frame.channel - 2]->on_news(frame).has_value();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const bool raw = (rest[0] & 1) != 0;
  const bool sealed = (rest[0] & 2) != 0;
  const std::string tail((rest[0] & 4) != 0 ? 3000 : 0, 't');
  rest.remove_prefix(1);
  static const std::string valid = std::string(kParcelHeadBytes, '\0') + valid_frames();
  auto head = raw ? std::string(rest) : fuzz::edited(valid, rest);
  if (head.size() > kLargestParcelHead) return 0;
  if (sealed && head.size() >= kParcelHeadBytes) {
    seal_parcel(head, {.from = 1, .tail_length = static_cast<std::uint32_t>(tail.size())}, 7);
  }

  LinkCounters counters;
  LinkSession session(
      {0, 1, 7}, 1'000'000'000, [](std::string_view, std::string_view) { return true; }, counters);
  auto frames = session.receive(1, head, tail);
  if (!frames) return 0;
  std::string written = head.substr(0, kParcelHeadBytes);
  Ends ends;
  bool refused = false;
  for (LinkFrame frame; frames->next(frame) == FrameReader::Read::kFrame;) {
    append_frame(written, frame);
    if (!refused) refused = !ends.tell(frame, session);
  }
  if (!head.starts_with(written)) std::abort();
  for (auto& inlet : ends.inlets) inlet->report(session);
  session.flush(2);
  return 0;
}
