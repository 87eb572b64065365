// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/message_terms.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {

/// The sending end of a channel of kind kRing: first in, first out, one receiver. One thread at a
/// time; everything but what the receiver must see lies in this object, in the sender's own memory.
///
/// A message is published by the release store of its slot's stamp, after its bytes; so whoever
/// sees the stamp (acquire) sees the bytes, and a sender that dies before the store has sent
/// nothing. Memory is used again only after the receiver gave the fragment back: a release store
/// of `released` that `reclaim` reads with acquire.
class RingWriter {
 public:
  /// Longest fragment of a message that is copied in: a part of a core's level-2 cache, so that the
  /// receiver copies one while the sender fills the next.
  static constexpr std::uint64_t kFragment = 16 << 10;

  /// `arena` and `heap` must outlive it.
  RingWriter(const Arena& arena, std::uint32_t channel, SenderHeap& heap);
  ~RingWriter();
  RingWriter(const RingWriter&) = delete;
  RingWriter& operator=(const RingWriter&) = delete;

  /// True when nobody will ever take another message.
  [[nodiscard]] bool receiver_closed() const {
    return channel_->receiver_closed.load(std::memory_order_acquire) != 0;
  }
  /// True when a message of this length may be sent now. Stays true until something is sent.
  [[nodiscard]] bool has_room(std::uint64_t length) {
    return admits(length) || (reclaim(), admits(length));
  }

  /// Sends one message. Precondition: has_room(length). False, with nothing sent, in the rare case
  /// that the heap's free space is in too many pieces: wait for room and try again.
  [[nodiscard]] bool write(const void* data, std::uint64_t length, std::uint32_t type) {
    if (length > kInlineBytes) return write_out_of_line(data, length, type);
    Slot& slot = next_slot();
    slot.length = static_cast<std::uint32_t>(length);
    slot.kind = type;
    if (length != 0) std::memcpy(slot.inline_bytes, data, length);
    publish(slot, {.data_end = data_head_, .message_bytes = length, .last = true});
    return true;
  }

  /// The same for a message that lies in the heap already.
  [[nodiscard]] bool has_room_for_shared(std::uint64_t length) {
    return counts_admit(length) || (reclaim(), counts_admit(length));
  }
  /// Sends a message that lies in the heap, and takes one hold of it. Precondition:
  /// has_room_for_shared.
  void write_shared(SharedBlock& block, std::uint32_t type);

  /// Counts a message that the overflow policy drops instead of sending it.
  void drop(std::uint64_t length);

  /// Heap that is needed for a message in fragments: each begins on a line of its own.
  static constexpr std::uint64_t streaming_size(std::uint64_t length) {
    return length + (length / kHeapFragment + 2) * kLine;
  }
  /// True when `reserve` would give memory now.
  [[nodiscard]] bool can_reserve(std::uint64_t length) {
    return has_room(length) && heap_.could_allocate(length);
  }

  /// Memory for one message of `length` bytes, counted against the capacity at once; null when the
  /// heap has no room. Precondition: has_room(length). Give it to `send_reserved` or `cancel`.
  [[nodiscard]] std::byte* reserve(std::uint64_t length);
  void send_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type);
  void cancel(std::byte* memory, std::uint64_t length);

  /// A message that arrives in pieces: begin, append until `length` bytes are there. Nothing else
  /// may be sent in between. Precondition and result of `begin` as for `write`.
  [[nodiscard]] bool begin(std::uint64_t length, std::uint32_t type);
  void append(const void* data, std::uint64_t length);

  /// Nothing more will come. Idempotent.
  void close();

  /// Before sleeping until there is room, and after. While set, receivers ring this sender.
  void expect_room(bool waiting) {
    channel_->sender_waiting.store(waiting ? 1 : 0, std::memory_order_relaxed);
  }

  /// True when the queue has room and the heap has none, as far as this end knows.
  [[nodiscard]] bool lacks_memory(std::uint64_t length) const {
    return counts_admit(length) && !memory_admits(length);
  }
  /// Takes the memory back that the receiver has given back; what else does, does it when it has
  /// to.
  void take_back() { reclaim(); }

  /// ChannelRecord::released as this end last saw it.
  [[nodiscard]] std::uint64_t seen_released() const { return reclaimed_; }

  /// Messages that the receivers have given back so far, memory and all.
  [[nodiscard]] std::uint64_t released_messages() {
    reclaim();
    return returned_;
  }

  [[nodiscard]] const ChannelRecord& channel() const { return *channel_; }

 private:
  /// What the writer remembers of each fragment in flight, to take its memory back.
  struct Fragment {
    std::uint64_t data_end = 0;  ///< the data area is free up to here once it came back
    Offset heap_at = 0;
    std::uint64_t heap_length = 0;    ///< 0: not in the heap
    std::uint64_t message_bytes = 0;  ///< of the whole message, in its last fragment
    bool last = false;
    SharedBlock* shared = nullptr;  ///< the heap block, where other queues refer to it as well
  };

  /// High-water marks up to this are sampled, above it they are exact.
  static constexpr std::uint64_t kSampledDepth = 8;

  /// Longest piece of a message whose receiver lags behind.
  static constexpr std::uint64_t kHeapFragment = 256 << 10;

  [[nodiscard]] bool admits(std::uint64_t length) const {
    return counts_admit(length) && memory_admits(length);
  }
  [[nodiscard]] bool memory_admits(std::uint64_t length) const {
    return length <= kInlineBytes || data_area_fits(length) ||
           heap_.could_allocate(streaming_size(length));
  }
  [[nodiscard]] bool counts_admit(std::uint64_t length) const {
    return messages_ < channel_->capacity && head_ - reclaimed_ < slot_count_ &&
           (messages_ == 0 || bytes_ + length <= channel_->byte_capacity);
  }
  /// True when a message that travels in one fragment would find room in the data area.
  [[nodiscard]] bool data_area_fits(std::uint64_t length) const {
    return length <= kFragment && data_start(length) + length - data_tail_ <= data_size_;
  }
  /// Where on the tape a block of `length` bytes would begin: it is never split by the wrap.
  [[nodiscard]] std::uint64_t data_start(std::uint64_t length) const {
    const auto at = data_head_ % data_size_;
    const bool restart = data_head_ == data_tail_ ? at != 0 : at + length > data_size_;
    return restart ? data_head_ + data_size_ - at : data_head_;
  }
  [[nodiscard]] Slot& slot_of(std::uint64_t n) const { return slots_[n & (slot_count_ - 1)]; }
  [[nodiscard]] Slot& next_slot() const { return slot_of(head_); }

  void publish(Slot& slot, const Fragment& fragment) {
    fragments_[head_ & (slot_count_ - 1)] = fragment;
    slot.stamp.store(stamp_published(head_), std::memory_order_release);
    ++head_;
    if (fragment.last) {
      ++messages_;
      bytes_ += fragment.message_bytes;
      count(fragment.message_bytes);
      if (messages_ > watched_) note_depth();
    }
    ring(*receiver_);
  }

  void count(std::uint64_t message_bytes) {
    channel_->enqueued.store(++enqueued_, std::memory_order_relaxed);
    channel_->bytes.store(enqueued_bytes_ += message_bytes, std::memory_order_relaxed);
  }
  void note_depth();

  bool write_out_of_line(const void* data, std::uint64_t length, std::uint32_t type);
  void publish_out_of_line(Offset at, std::uint64_t length, std::uint64_t message_length,
                           std::uint32_t kind, Fragment fragment);
  [[nodiscard]] std::uint64_t append_to_data_area(const std::byte* data, std::uint64_t length);
  [[nodiscard]] std::uint64_t append_to_heap(const std::byte* data, std::uint64_t length);
  void give_unused_heap_back();
  /// True when a fragment that does not end its message may have a slot: one is kept for the end of
  /// each message that the capacity admits.
  [[nodiscard]] bool spare_slots() const {
    return head_ - reclaimed_ + channel_->capacity < slot_count_ + messages_ - loans_;
  }
  [[nodiscard]] std::byte* allocate_data(std::uint64_t length);
  [[nodiscard]] bool receiver_keeps_up();
  void reclaim();
  void take_back(std::uint64_t n);
  void drop_hold(SharedBlock& block);

  const Arena& arena_;
  SenderHeap& heap_;
  ChannelRecord* channel_;
  Slot* slots_;
  std::byte* data_;
  std::uint64_t data_size_;
  std::uint64_t slot_count_;
  EndpointRecord* receiver_;
  std::unique_ptr<Fragment[]> fragments_;

  std::uint64_t head_ = 0;       ///< number of the next fragment
  std::uint64_t reclaimed_ = 0;  ///< fragments whose memory was taken back
  std::uint64_t messages_ = 0;   ///< in flight, loans included
  std::uint64_t loans_ = 0;      ///< of `messages_`
  std::uint64_t bytes_ = 0;      ///< their payload
  std::uint64_t data_head_ = 0;  ///< the data area as an endless tape: next free, first in use
  std::uint64_t data_tail_ = 0;
  std::uint64_t enqueued_ = 0;
  std::uint64_t enqueued_bytes_ = 0;
  std::uint64_t returned_ = 0;  ///< messages whose memory was taken back
  /// Depths up to this are not looked at: to know the true one, the receiver's line must be read.
  std::uint64_t watched_ = kSampledDepth;
  std::uint64_t high_water_ = 0;

  /// The message that `begin` started. Its bytes travel through the data area while the receiver
  /// keeps up, else they gather in the heap until a fragment of them can be published.
  struct Streaming {
    std::uint64_t length = 0;
    std::uint64_t left = 0;  ///< not yet appended
    std::uint32_t type = 0;
    Offset heap_at = 0;  ///< room for the whole message
    std::uint64_t heap_size = 0;
    std::uint64_t heap_used = 0;  ///< published or gathering
    std::uint64_t gathering = 0;  ///< the last of `heap_used`, not yet published
  } streaming_;
};

}  // namespace mvm::queue
