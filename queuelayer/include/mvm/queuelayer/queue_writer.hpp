// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/message_terms.hpp>
#include <mvm/queuelayer/ring_writer.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/shelf_writer.hpp>

namespace mvm::queue {

/// The sending end of a virtual queue, whatever its type and policies. One thread at a time.
class QueueWriter {
 public:
  /// `arena` and `heap` must outlive it. `rank` is for QueueType::kCustom only.
  QueueWriter(const Arena& arena, std::uint32_t channel, SenderHeap& heap, RankRule rank = {});

  /// True when nobody will ever take another message.
  [[nodiscard]] bool receiver_closed() const {
    return channel_->receiver_closed.load(std::memory_order_acquire) != 0;
  }
  /// True when a message of this length would not have to wait: there is room, or the overflow
  /// policy decides at once. Stays true until something is sent.
  [[nodiscard]] bool ready(std::uint64_t length) {
    if (ring_) return ring_->has_room(length) || overflow_ != Overflow::kBlock;
    return shelf_->ready(length);
  }
  /// True when `send` would refuse a message of this length, by Overflow::kFail.
  [[nodiscard]] bool refuses(std::uint64_t length) {
    if (overflow_ != Overflow::kFail) return false;
    return ring_ ? !ring_->has_room(length) : shelf_->refuses(length);
  }
  /// Group time at which `ready` may become true by itself; or kNever.
  [[nodiscard]] std::int64_t ready_at() const { return ring_ ? kNever : shelf_->ready_at(); }

  /// Sends one message by copying it, as type and policies say. Precondition: ready(length).
  [[nodiscard]] Sent send(const void* data, std::uint64_t length, std::uint32_t type,
                          const MessageTerms& terms) {
    if (!ring_) return shelf_->send(data, length, type, terms);
    if (!ring_->has_room(length)) return overflow(length);
    return ring_->write(data, length, type) ? Sent::kDone : overflow(length);
  }
  /// The same for bytes that lie in the sender's heap, to be read by several queues: takes one hold
  /// of `block` where the message is kept.
  [[nodiscard]] Sent send_shared(SharedBlock& block, std::uint32_t type, const MessageTerms& terms);

  /// True when `reserve` would give memory now.
  [[nodiscard]] bool can_reserve(std::uint64_t length) {
    return ring_ ? ring_->can_reserve(length) : shelf_->ready(length);
  }
  /// Memory for one message, counted against the capacity at once; null when the heap has no room.
  /// Precondition: can_reserve(length). Give it to `send_reserved` or `cancel`.
  [[nodiscard]] std::byte* reserve(std::uint64_t length) {
    return ring_ ? ring_->reserve(length) : shelf_->reserve(length);
  }
  [[nodiscard]] Sent send_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type,
                                   const MessageTerms& terms);
  void cancel(std::byte* memory, std::uint64_t length);

  /// Nothing more will come. Idempotent.
  void close();
  /// While set, receivers ring this endpoint when they make room.
  void expect_room(bool waiting);
  /// True when the queue has room and the sender's heap has none, as far as this end knows.
  [[nodiscard]] bool lacks_memory(std::uint64_t length) const {
    return ring_ ? ring_->lacks_memory(length) : shelf_->lacks_memory(length);
  }
  /// Takes the memory back that receivers have given back. Sends do so when this queue is short of
  /// it; this is for a heap that other queues share.
  void take_back() { ring_ ? ring_->take_back() : shelf_->take_back(); }
  /// Adds to the time that sends have waited for room here.
  void count_blocked(std::int64_t nanoseconds) {
    channel_->sender_blocked_ns.fetch_add(nanoseconds, std::memory_order_relaxed);
  }

  /// ChannelRecord::released as this end last saw it.
  [[nodiscard]] std::uint64_t seen_released() const {
    return ring_ ? ring_->seen_released() : shelf_->seen_released();
  }
  [[nodiscard]] std::uint32_t number() const { return number_; }  ///< of the channel

  [[nodiscard]] const ChannelRecord& channel() const { return *channel_; }
  /// The end itself, for the link, which moves messages in ways that only it needs: one is null.
  [[nodiscard]] RingWriter* ring() { return ring_ ? &*ring_ : nullptr; }
  [[nodiscard]] ShelfWriter* shelf() { return shelf_ ? &*shelf_ : nullptr; }

 private:
  Sent overflow(std::uint64_t length);

  ChannelRecord* channel_;
  std::uint32_t number_;
  Overflow overflow_;
  std::optional<RingWriter> ring_;
  std::optional<ShelfWriter> shelf_;
};

}  // namespace mvm::queue
