// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/message_terms.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/tape.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {

/// The sending end of a channel of kind kRing: first in, first out, one receiver. One thread at a
/// time; everything but what the receiver must see lies in this object, in the sender's own memory.
///
/// A message is published by the release store of its record's header, after its bytes; so whoever
/// sees the header (acquire) sees the bytes, and a sender that dies before the store has sent
/// nothing. The word where the next record will begin is zero before that store, so a receiver that
/// follows the records never takes an older message's bytes for a header. Memory is used again only
/// after the receiver gave the record back: a release store of `released` that `reclaim` reads with
/// acquire.
class RingWriter {
 public:
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
  [[nodiscard]] bool write(const void* data, std::uint64_t length, std::uint32_t type);
  /// `has_room` and `write`. False, with nothing sent, when there is no room, or nobody will take
  /// it.
  [[nodiscard, gnu::always_inline]] bool try_write(const void* data, std::uint64_t length,
                                                   std::uint32_t type) {
    const auto end = head_ + run_.extent;
    const bool obvious =
        length == run_.length && type == run_.type && end <= run_.safe_end && !receiver_closed();
    if (!obvious) [[unlikely]]
      return try_write_far(data, length, type);
    if (length <= tape::kNearBytes) [[likely]] {
      fill_near(memory_at(head_), data, length);
    } else {
      note_message_length({head_, end}, length);
      std::memcpy(memory_at(head_ + run_.payload), data, length);
    }
    publish_next(header_at(head_), run_.header, end, length);
    own_soon(memory_at(end + run_.extent));
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

  /// Payload of those that `released_messages` told of.
  [[nodiscard]] std::uint64_t released_bytes() const { return returned_bytes_; }

  /// Who is told of messages from now on, instead of the receiver. It must outlive this end.
  void tell(EndpointRecord& other) { receiver_ = &other; }

  [[nodiscard]] const ChannelRecord& channel() const { return *channel_; }

 private:
  /// Room on the tape for a record.
  struct Place {
    std::uint64_t at;
    std::uint64_t end;
  };
  /// What the writer remembers of records in flight, oldest first, to take their memory back:
  /// one record, or whole messages of one length that follow each other.
  struct Flight {
    std::uint64_t begin = 0;          ///< of the first, with the turn before it
    std::uint64_t end = 0;            ///< the tape is free up to here once they came back
    std::uint32_t extent = 0;         ///< of each
    std::uint32_t message_bytes = 0;  ///< of the whole message, in its last fragment
    bool last = false;
    bool elsewhere = false;  ///< the oldest of `blocks_` is its payload
  };
  /// The youngest flight, while messages like its own follow, which then need little thought. Its
  /// end is `head_`.
  struct Run {
    std::uint64_t length = ~std::uint64_t{0};  ///< of each message
    std::uint64_t extent = 0;                  ///< of each record; 0: there is no run
    std::uint64_t payload = 0;                 ///< where it begins in each record
    std::uint64_t safe_end = 0;  ///< up to here there is obviously room; see find_limits
    std::uint64_t header = 0;
    std::uint32_t type = 0;
  };
  /// A payload in the heap.
  struct Block {
    Offset at = 0;
    std::uint64_t length = 0;
    SharedBlock* shared = nullptr;  ///< where other queues refer to it as well
  };

  /// High-water marks up to this are sampled, above it they are exact.
  static constexpr std::uint64_t kSampledDepth = 32;

  /// A message longer than that keeps to so much of the tape.
  static constexpr std::uint64_t kLongStream = 1 << 20;
  static constexpr std::uint64_t kStreamLap = 256 << 10;

  /// Longest piece of a message whose receiver lags behind.
  static constexpr std::uint64_t kHeapFragment = 256 << 10;

  /// A lap ends early when it has run at least this far and the queue is found empty, so that a
  /// queue that keeps up lives in the same few cache lines.
  static constexpr std::uint64_t kShortestLap = 4 << 10;
  /// So often that is looked for. To look is cheap where sender and receiver take turns on a core;
  /// else it takes a line from a receiver who is at work.
  static constexpr std::uint64_t kLookOnSharedCore = 4 << 10;
  static constexpr std::uint64_t kLookOnOwnCore = 64 << 10;

  // In flight, loans included: messages and their payload.
  [[nodiscard]] std::uint64_t messages() const { return sent_ - returned_ + loans_; }
  [[nodiscard]] std::uint64_t bytes() const { return sent_bytes_ - returned_bytes_ + lent_bytes_; }

  [[nodiscard]] bool admits(std::uint64_t length) const {
    return counts_admit(length) && memory_admits(length);
  }
  [[nodiscard]] bool memory_admits(std::uint64_t length) const {
    const bool on_tape = length <= tape::kWholeBytes
                             ? fits(place_for(tape::form_for(length), length))
                             : tape_has_room_for_all(length);
    return on_tape || heap_.could_allocate(streaming_size(length));
  }
  [[nodiscard]] bool counts_admit(std::uint64_t length) const {
    return messages() < capacity_ && (messages() == 0 || bytes() + length <= byte_capacity_);
  }
  /// Where the next record goes.
  [[nodiscard]] Place place_for(tape::Form form, std::uint64_t length) const {
    const auto end = tape::end_of(form, head_, length);
    return end <= lap_end_ ? Place{head_, end} : place_on_next_lap(form, length);
  }
  [[nodiscard]] Place place_on_next_lap(tape::Form form, std::uint64_t length) const;
  /// True when a record there leaves room for one of Form::kElsewhere for every message that the
  /// capacity admits, so that those always find a place.
  [[nodiscard]] bool fits(const Place& place) const {
    return place.end + tape::kUnit - reclaimed_ + kept_free() <= tape_size_;
  }
  [[nodiscard]] std::uint64_t kept_free() const {
    return tape::kElsewhereBytes * (capacity_ - messages() + loans_) + kLostInTurns;
  }
  /// Where a record must not be split, and by the word behind the last one.
  static constexpr std::uint64_t kLostInTurns = 2 * kLine;
  [[nodiscard]] std::byte* memory_at(std::uint64_t position) const {
    return tape_ + (position & (tape_size_ - 1));
  }
  [[nodiscard]] tape::Header& header_at(std::uint64_t position) const {
    return *reinterpret_cast<tape::Header*>(memory_at(position));
  }
  /// The second word of all but the shortest records.
  void note_message_length(const Place& place, std::uint64_t length) const {
    reinterpret_cast<std::uint64_t*>(memory_at(place.at))[1] = length;
  }
  void copy_in(tape::Form form, const Place& place, const void* data, std::uint64_t length) const;
  /// All but the header of a record of Form::kShort or Form::kNear.
  [[gnu::always_inline]] static void fill_near(std::byte* record, const void* data,
                                               std::uint64_t length) {
    const auto* bytes = static_cast<const std::byte*>(data);
    if (length == tape::kShortBytes) {
      std::memcpy(record + sizeof(tape::Header), bytes, tape::kShortBytes);
    } else if (length < tape::kShortBytes) {
      tape::copy_near(record + sizeof(tape::Header), bytes, length);
    } else {
      std::memcpy(record + sizeof(tape::Header), &length, sizeof length);
      tape::copy_near(record + tape::kUnit, bytes, length);
    }
  }

  [[nodiscard]] bool try_write_far(const void* data, std::uint64_t length, std::uint32_t type);
  void publish(const Place& place, std::uint64_t header, const Flight& flight);
  /// The release store, and what follows from it for a whole message or its last fragment.
  [[gnu::always_inline]] void publish_next(tape::Header& header, std::uint64_t word,
                                           std::uint64_t end, std::uint64_t message_bytes) {
    header_at(end).store(0, std::memory_order_relaxed);
    header.store(word, std::memory_order_release);
    head_ = end;
    channel_->enqueued.store(++sent_, std::memory_order_relaxed);
    channel_->bytes.store(sent_bytes_ += message_bytes, std::memory_order_relaxed);
    ring_for_message(*receiver_);
  }
  /// Asks for the line that the next message will need, so that its store need not wait.
  [[gnu::always_inline]] static void own_soon(const std::byte* memory) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(*memory));
#else
    __builtin_prefetch(memory, 1);
#endif
  }
  void note_depth();
  void find_limits();
  void grow();
  void note_flight(const Place& place, std::uint64_t header, Flight flight);
  void end_run();
  void end_loan(std::uint64_t length);

  bool write_fragments(const void* data, std::uint64_t length, std::uint32_t type);
  [[nodiscard]] bool tape_has_room_for_all(std::uint64_t length) const;
  bool write_elsewhere(const void* data, std::uint64_t length, std::uint32_t type);
  void publish_elsewhere(const Block& block, std::uint64_t message_length, std::uint32_t kind);
  [[nodiscard]] std::uint64_t append_to_tape(const std::byte* data, std::uint64_t length);
  [[nodiscard]] std::uint64_t append_to_heap(const std::byte* data, std::uint64_t length);
  void give_unused_heap_back();
  [[nodiscard]] bool receiver_keeps_up();
  void reclaim();
  void take_back(Flight& flight, std::uint64_t up_to);
  void take_back(const Block& block);
  void drop_hold(SharedBlock& block);

  const Arena& arena_;
  SenderHeap& heap_;
  ChannelRecord* channel_;
  EndpointRecord* receiver_;
  std::byte* tape_;
  std::uint64_t tape_size_;
  std::uint64_t capacity_;
  std::uint64_t byte_capacity_;

  std::uint64_t head_ = 0;       ///< position of the next record
  std::uint64_t reclaimed_ = 0;  ///< position up to which memory was taken back
  std::uint64_t lap_end_;        ///< of the tape; or `head_`, where the lap is to end early
  std::uint64_t look_step_;      ///< after so many bytes, see whether the lap may end early
  std::uint64_t look_at_;        ///< position for that
  std::uint64_t deepest_ = 0;    ///< about the most bytes of tape seen in flight

  std::uint64_t sent_ = 0;  ///< messages, and those that were dropped instead
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t returned_ = 0;  ///< of those, the ones that take no memory any more
  std::uint64_t returned_bytes_ = 0;
  std::uint64_t loans_ = 0;  ///< messages to come for which memory was given
  std::uint64_t lent_bytes_ = 0;
  Run run_;

  /// A ring of its own: those from `oldest_` to `youngest_` are in flight.
  std::unique_ptr<Flight[]> flights_;
  std::uint64_t flight_mask_ = 0;
  std::uint64_t oldest_ = 0;
  std::uint64_t youngest_ = 0;
  std::deque<Block> blocks_;

  /// Depths up to this are not looked at: to know the true one, the receiver's line must be read.
  std::uint64_t watched_ = kSampledDepth;
  std::uint64_t high_water_ = 0;

  /// The message that `begin` started. Its bytes travel on the tape while the receiver keeps up,
  /// else they gather in the heap until a fragment of them can be published.
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
