// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What queue VMs say to each other about channels. Frames follow each other in a parcel, little
/// endian. docs/link-protocol.md explains the conversation.
namespace mvm::queue {

enum class LinkKind : std::uint8_t {
  kPiece = 0,     ///< of a ring: a piece of a message
  kMessage = 1,   ///< of a shelf: a message, or the first piece of one
  kMore = 2,      ///< of a shelf: a further piece of message `number`
  kReleased = 3,  ///< of a ring: `number` messages were released by their receiver, in all
  kDone = 4,      ///< of a shelf: the messages in the payload need their memory no longer
  kDrop = 5,      ///< of a shelf: the sender no longer wants message `number`
  kEnd = 6,       ///< the sender of the channel will send nothing more
  kGone = 7,      ///< all receivers of the channel on the frame's machine are gone
  kBye = 8,       ///< of no channel: the machine has told all that it will ever tell
  kLineEnd = 9,   ///< of a ring: `number` whole messages came over its direct line, which is over
};

struct LinkFrame {
  LinkKind kind = LinkKind::kBye;
  std::uint64_t channel = 0;         ///< its id
  std::uint64_t number = 0;          ///< of the message, at its sender's machine; or a count
  std::uint64_t message_length = 0;  ///< of the whole message
  std::uint64_t offset = 0;          ///< of a further piece
  std::uint32_t slot_kind = 0;       ///< element type; for a ring, kMoreFollows as well
  std::uint32_t length = 0;          ///< of the payload
  bool in_tail = false;              ///< the payload is the parcel's tail; else it follows at once
  // Of a shelf's message. Times are of the sender's machine's group clock.
  std::int64_t rank = 0;
  std::int64_t due_ns = 0;
  std::int64_t expires_ns = 0;
  std::int64_t deadline_ns = 0;
  std::uint32_t priority = 0;
  std::string_view payload;  ///< of `length`, where it lies
  bool operator==(const LinkFrame&) const = default;
};

/// Payloads up to this length are copied into the parcel's head, with those of other channels.
inline constexpr std::size_t kSmallPayload = 2 << 10;
/// More than any frame takes beside its payload.
inline constexpr std::size_t kLargestFrameHead = 128;

/// Appends a frame, and its payload unless that is the tail.
void append_frame(std::string& head, const LinkFrame& frame);

/// Reads the frames of a parcel one by one.
class FrameReader {
 public:
  FrameReader(std::string_view frames, std::string_view tail) : rest_(frames), tail_(tail) {}

  enum class Read { kFrame, kEnd, kBroken };
  /// kBroken: what follows is no frame, or the tail is not the last frame's payload.
  [[nodiscard]] Read next(LinkFrame& frame);

 private:
  std::string_view rest_;
  std::string_view tail_;
  bool tail_used_ = false;
};

/// One entry of kDone's payload.
struct DoneMessage {
  std::uint64_t number = 0;
  bool received = false;  ///< else it was dropped there
};
inline constexpr std::size_t kDoneBytes = 8;
void append_done(std::string& payload, const DoneMessage& done);
[[nodiscard]] DoneMessage done_at(std::string_view payload, std::size_t position);

}  // namespace mvm::queue
