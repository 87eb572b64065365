// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/ring_reader.hpp>

namespace mvm::queue {
namespace {

/// A plain field of shared memory, read exactly once: another task of the group could change it
/// between a check and its use.
template <typename T>
T read_once(const T& field) {
  return __atomic_load_n(&field, __ATOMIC_RELAXED);
}

}  // namespace

RingReader::RingReader(const Arena& arena, std::uint32_t channel, bool relay)
    : arena_(arena),
      channel_(&arena.channel(channel)),
      counter_(relay ? &channel_->relayed : &channel_->dequeued),
      sender_(&arena.endpoint(channel_->sender)),
      slots_(reinterpret_cast<Slot*>(arena.base() + channel_->slots)),
      slot_count_(channel_->slot_count) {}

Taken RingReader::take(Piece& piece) {
  if (!available()) return Taken::kNothing;
  const Slot& slot = slot_of(next_);
  const auto length = read_once(slot.length);
  const auto kind = read_once(slot.kind);
  piece.length = length;
  piece.number = next_++;
  piece.type = kind & kTypeMask;
  piece.more = (kind & kMoreFollows) != 0;
  if ((kind & kOutOfLine) == 0) {
    piece.data = slot.inline_bytes;
    piece.message_length = length;
    return length <= kInlineBytes && !piece.more ? Taken::kPiece : Taken::kCorrupt;
  }
  piece.message_length = read_once(slot.out_of_line.message_length);
  piece.data = arena_.find(read_once(slot.out_of_line.at), length);
  const bool sound = piece.data != nullptr && length <= piece.message_length &&
                     piece.message_length <= kMaxMessage.count;
  return sound ? Taken::kPiece : Taken::kCorrupt;
}

/// Marks a fragment whose elders are still held, and gives back the run that is complete. The slot
/// is this receiver's until `released` passes it; its stamp tells the queue VM that it is not
/// unread.
void RingReader::give_back_out_of_order(std::uint64_t number) {
  const auto mask = slot_count_ - 1;
  if (early_.empty()) early_.resize(slot_count_);
  if (number != released_) {
    slot_of(number).stamp.store(stamp_given_back(number), std::memory_order_release);
    early_[number & mask] = true;
    ++held_back_;
    return;
  }
  ++released_;
  while (held_back_ > 0 && early_[released_ & mask]) {
    early_[released_ & mask] = false;
    --held_back_;
    ++released_;
  }
}

void RingReader::close() {
  channel_->receiver_closed.store(1, std::memory_order_release);
  ring(*sender_);
}

}  // namespace mvm::queue
