// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/ring_reader.hpp>

namespace mvm::queue {

RingReader::RingReader(const Arena& arena, std::uint32_t channel, bool relay)
    : arena_(arena),
      channel_(&arena.channel(channel)),
      counter_(relay ? &channel_->relayed : &channel_->dequeued),
      sender_(&arena.endpoint(channel_->sender)),
      tape_(arena.base() + channel_->tape),
      tape_size_(channel_->tape_size) {}

Taken RingReader::take_elsewhere(std::uint64_t at, Piece& piece) {
  piece.message_length = word_at(at, 1);
  piece.length = word_at(at, 3);
  piece.data = arena_.find(word_at(at, 2), piece.length);
  return is_sound(piece) ? Taken::kPiece : Taken::kCorrupt;
}

/// Marks a record whose elders are still held, and gives back the run that is complete. The record
/// is this receiver's until `released` passes it; its header tells the queue VM that it is not
/// unread.
void RingReader::give_back_out_of_order(std::uint64_t cookie) {
  const auto distance = (start_of(cookie) - in_units(released_)) & kPositions;
  const auto begin = released_ + distance * tape::kUnit;
  const auto end = begin + bytes_of(cookie);
  if (distance != 0) {
    held_back_.emplace(begin, end);
    auto* header = &header_at(begin);
    if (header->load(std::memory_order_relaxed) == tape::kSkipWord) header = &header_at(0);
    const auto word = header->load(std::memory_order_relaxed);
    header->store(tape::given_back(word), std::memory_order_release);
    return;
  }
  released_ = end;
  for (auto next = held_back_.begin(); next != held_back_.end() && next->first == released_;) {
    released_ = next->second;
    next = held_back_.erase(next);
  }
}

void RingReader::resume() {
  const auto released = channel_->released.load(std::memory_order_acquire);
  next_ = taken_ = released_ = released - released % tape::kUnit;
  dequeued_ = counter_->load(std::memory_order_acquire);
}

void RingReader::close() {
  channel_->receiver_closed.store(1, std::memory_order_release);
  ring(*sender_);
}

}  // namespace mvm::queue
