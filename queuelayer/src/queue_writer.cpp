// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/queue_writer.hpp>

#include <utility>

namespace mvm::queue {

QueueWriter::QueueWriter(const Arena& arena, std::uint32_t channel, SenderHeap& heap, RankRule rank)
    : channel_(&arena.channel(channel)),
      number_(channel),
      overflow_(static_cast<Overflow>(channel_->overflow)) {
  if (channel_->kind == ChannelKind::kRing) {
    ring_.emplace(arena, channel, heap);
  } else {
    shelf_.emplace(arena, channel, heap, std::move(rank));
  }
}

/// No room in a ring, or its heap is in too many pieces: nothing in it can be taken back, so the
/// newcomer alone is judged.
Sent QueueWriter::overflow(std::uint64_t length) {
  switch (overflow_) {
    case Overflow::kDropOldest:  // never a ring
    case Overflow::kBlock:
      return Sent::kTryAgain;
    case Overflow::kDropNewest:
      ring_->drop(length);
      return Sent::kDropped;
    case Overflow::kFail:
      return Sent::kRefused;
  }
  std::unreachable();
}

Sent QueueWriter::send_shared(SharedBlock& block, std::uint32_t type, const MessageTerms& terms) {
  if (shelf_) return shelf_->send_shared(block, type, terms);
  if (!ring_->has_room_for_shared(block.length)) return overflow(block.length);
  ring_->write_shared(block, type);
  return Sent::kDone;
}

Sent QueueWriter::send_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type,
                                const MessageTerms& terms) {
  if (shelf_) return shelf_->send_reserved(memory, length, type, terms);
  ring_->send_reserved(memory, length, type);
  return Sent::kDone;
}

void QueueWriter::cancel(std::byte* memory, std::uint64_t length) {
  ring_ ? ring_->cancel(memory, length) : shelf_->cancel(memory, length);
}

void QueueWriter::close() {
  ring_ ? ring_->close() : shelf_->close();
}

void QueueWriter::expect_room(bool waiting) {
  ring_ ? ring_->expect_room(waiting) : shelf_->expect_room(waiting);
}

}  // namespace mvm::queue
