// SPDX-License-Identifier: Apache-2.0
#include "link_frame.hpp"

#include <optional>

#include "link_parcel.hpp"
#include "little_endian.hpp"

namespace mvm::queue {
namespace {

/// In the length of a payload: it is the tail.
constexpr std::uint32_t kInTail = 1u << 31;

/// Calls `field` with each field that frames of this kind have, in the order of the wire. Writing
/// and reading go through here, so that they cannot differ. False for an unknown kind.
template <typename Frame, typename Field>
bool for_each_field(Frame& frame, Field&& field) {
  if (frame.kind == LinkKind::kBye) return true;
  field(frame.channel);
  switch (frame.kind) {
    case LinkKind::kPiece:
      field(frame.message_length);
      field(frame.slot_kind);
      break;
    case LinkKind::kMessage:
      field(frame.number);
      field(frame.message_length);
      field(frame.slot_kind);
      field(frame.rank);
      field(frame.due_ns);
      field(frame.expires_ns);
      field(frame.deadline_ns);
      field(frame.priority);
      break;
    case LinkKind::kMore:
      field(frame.number);
      field(frame.offset);
      break;
    case LinkKind::kReleased:
    case LinkKind::kDrop:
    case LinkKind::kLineEnd:
      field(frame.number);
      break;
    case LinkKind::kDone:
    case LinkKind::kEnd:
    case LinkKind::kGone:
      break;
    default:
      return false;
  }
  return true;
}

bool has_payload(LinkKind kind) {
  return kind == LinkKind::kPiece || kind == LinkKind::kMessage || kind == LinkKind::kMore ||
         kind == LinkKind::kDone;
}

}  // namespace

void append_frame(std::string& head, const LinkFrame& frame) {
  char bytes[kLargestFrameHead];
  char* at = bytes;
  put_little(at, static_cast<std::uint8_t>(frame.kind));
  for_each_field(frame, [&at](auto number) { put_little(at, number); });
  if (has_payload(frame.kind)) {
    put_little(at, frame.length | (frame.in_tail ? kInTail : 0));
  }
  head.append(bytes, at);
  if (has_payload(frame.kind) && !frame.in_tail) head.append(frame.payload);
}

FrameReader::Read FrameReader::next(LinkFrame& frame) {
  if (rest_.empty()) {
    return tail_.empty() || tail_used_ ? Read::kEnd : Read::kBroken;
  }
  if (tail_used_) return Read::kBroken;
  frame = {};
  frame.kind = static_cast<LinkKind>(rest_.front());
  rest_.remove_prefix(1);
  bool complete = true;
  const auto read = [&](auto& number) {
    if (rest_.size() < sizeof number) {
      complete = false;
      return;
    }
    const char* at = rest_.data();
    number = get_little<std::remove_reference_t<decltype(number)>>(at);
    rest_.remove_prefix(sizeof number);
  };
  if (!for_each_field(frame, read)) return Read::kBroken;
  if (has_payload(frame.kind)) {
    read(frame.length);
    frame.in_tail = (frame.length & kInTail) != 0;
    frame.length &= ~kInTail;
    auto& from = frame.in_tail ? tail_ : rest_;
    if (frame.length > from.size()) return Read::kBroken;
    if (frame.in_tail) {
      if (frame.length != tail_.size() || frame.length == 0) return Read::kBroken;
      frame.payload = tail_;
      tail_used_ = true;
    } else {
      frame.payload = rest_.substr(0, frame.length);
      rest_.remove_prefix(frame.length);
    }
  }
  if (frame.kind == LinkKind::kDone && frame.length % kDoneBytes != 0) return Read::kBroken;
  return complete ? Read::kFrame : Read::kBroken;
}

void append_done(std::string& payload, const DoneMessage& done) {
  char bytes[kDoneBytes];
  char* at = bytes;
  put_little(at, done.number << 1 | (done.received ? 1 : 0));
  payload.append(bytes, kDoneBytes);
}

DoneMessage done_at(std::string_view payload, std::size_t position) {
  const char* at = payload.data() + position * kDoneBytes;
  const auto bits = get_little<std::uint64_t>(at);
  return {.number = bits >> 1, .received = (bits & 1) != 0};
}

}  // namespace mvm::queue
