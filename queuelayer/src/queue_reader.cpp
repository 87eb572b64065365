// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/queue_reader.hpp>

namespace mvm::queue {

QueueReader::QueueReader(const Arena& arena, std::uint32_t channel, std::uint32_t self, bool relay)
    : channel_(&arena.channel(channel)), number_(channel) {
  if (channel_->kind == ChannelKind::kRing) {
    ring_.emplace(arena, channel, relay);
  } else {
    shelf_.emplace(arena, channel, self, relay);
  }
}

Taken QueueReader::take_shelf(Piece& piece) {
  ShelfMessage message;
  const auto taken = shelf_->take(message);
  if (taken != Taken::kPiece) return taken;
  piece = {.data = message.data,
           .length = message.length,
           .message_length = message.length,
           .cookie = message.number << kStampShift | message.slot,
           .type = message.type,
           .priority = message.priority,
           .more = false,
           .late = message.late};
  return taken;
}

void QueueReader::give_back_to_line(std::uint64_t cookie, bool more) {
  line_->give_back(cookie, more);
  if (!more) ring_->count_one();
}

void QueueReader::close() {
  if (line_ != nullptr) line_->break_off();
  ring_ ? ring_->close() : shelf_->close();
}

}  // namespace mvm::queue
