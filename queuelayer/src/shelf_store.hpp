// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/message_terms.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/shelf_writer.hpp>

#include "shelf_memory.hpp"

namespace mvm::queue {

/// What a sender knows of the messages on its shelf: which slots are free, where payloads lie, how
/// much of the capacity is used. It puts messages there and takes memory back, and decides nothing.
/// All of it lies in the sender's own memory and dies with it.
class ShelfStore {
 public:
  ShelfStore(const Arena& arena, std::uint32_t channel, SenderHeap& heap);
  ~ShelfStore();
  ShelfStore(const ShelfStore&) = delete;
  ShelfStore& operator=(const ShelfStore&) = delete;

  /// A message as it is put on the shelf.
  struct Item {
    const void* data = nullptr;  ///< of kSmall bytes at most: to be copied into the slot; or null
    Offset at = 0;               ///< where data is null: of the payload in the heap
    SharedBlock* shared =
        nullptr;  ///< which it is, to be held; null: the payload becomes the store's
    std::uint64_t length = 0;
    std::uint32_t type = 0;
    std::int64_t rank = 0;
    std::int64_t due_ns = 0;
    std::int64_t expires_ns = kNever;
    MessageTerms terms;
    std::optional<std::uint64_t> remote_number;  ///< of an arrival from another machine
  };
  /// A message by number and slot. It is in the books until its memory came back.
  struct Ref {
    std::uint64_t number = 0;
    std::uint32_t slot = 0;
  };

  /// The number that the next message gets.
  [[nodiscard]] std::uint64_t next_number() const { return next_number_; }
  /// Messages and bytes that count against the capacity: on the shelf or taken, and promised.
  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] bool has_slot() const {
    return promised_slots_ < free_.size() + (memory_.slot_count() - books_.size());
  }
  [[nodiscard]] bool fits(std::uint64_t length) const {
    return has_slot() && fits_beside(messages_, bytes_, length);
  }
  /// One message is admitted to an empty queue, whatever its size.
  [[nodiscard]] bool fits_beside(std::uint64_t messages, std::uint64_t bytes,
                                 std::uint64_t length) const {
    if (messages == 0) return true;
    return messages < capacity_ && bytes <= byte_capacity_ && length <= byte_capacity_ - bytes;
  }

  /// Keeps room for a message that is to come: a loan.
  void promise(std::uint64_t length);
  void end_promise(std::uint64_t length);

  /// Payloads up to this size lie in the slot.
  static constexpr std::uint64_t kSmall = sizeof ShelfSlot::inline_bytes;
  /// Copies a payload that is not small to the heap. False when there is no room for it.
  [[nodiscard]] bool bring_to_heap(Item& item);
  /// Undoes it.
  void free_payload(const Item& item);

  /// Puts a message on the shelf, counts it enqueued and tells the receivers. Precondition:
  /// has_slot().
  Ref put(const Item& item);
  /// Counts a message that never gets there.
  void count_enqueued(std::uint64_t length);
  void count_drop(DropCause cause);

  enum class Withdrawn {
    kTakenDown,  ///< nobody had it: it is gone
    kUnwanted,   ///< the link has it, and is told; it counts against the capacity no more
    kTooLate,    ///< a receiver has it, or had it
  };
  [[nodiscard]] Withdrawn withdraw(Ref ref);
  /// True while a message counts against the capacity, as far as the books know.
  [[nodiscard]] bool kept(Ref ref) const {
    const Book& book = books_[ref.slot];
    return book.state == Book::State::kKept && book.number == ref.number;
  }
  [[nodiscard]] std::uint64_t length(Ref ref) const { return books_[ref.slot].length; }
  [[nodiscard]] std::int64_t expires_ns(Ref ref) const { return books_[ref.slot].expires_ns; }
  [[nodiscard]] std::int64_t due_ns(Ref ref) const { return books_[ref.slot].due_ns; }
  /// True when a receiver has it or had it, so that it cannot be withdrawn.
  [[nodiscard]] bool out_of_reach(Ref ref) const;
  /// True when nobody has it, so that withdrawing it frees its slot at once.
  [[nodiscard]] bool untouched(Ref ref) const;

  /// Takes back what receivers have given back.
  void reclaim();
  [[nodiscard]] std::uint64_t seen_released() const { return seen_released_; }
  /// Arrivals that are done.
  [[nodiscard]] std::vector<ShelfWriter::Done>& done() { return done_; }

  [[nodiscard]] bool valid() const { return memory_.valid(); }
  void ring_receivers() const;

 private:
  struct Book {
    enum class State : std::uint8_t { kFree, kKept, kUnwanted };
    std::uint64_t number = 0;
    std::uint64_t length = 0;
    std::int64_t due_ns = 0;
    std::int64_t expires_ns = kNever;
    std::optional<std::uint64_t> remote_number;
    Offset at = 0;
    bool owns_payload = false;  ///< in the heap, at `at`
    SharedBlock* shared = nullptr;
    State state = State::kFree;
  };

  [[nodiscard]] std::uint32_t take_slot();
  void publish(const Item& item, Ref ref);
  void take_back_if_done(std::uint32_t slot);
  void look_at_every_slot();
  void take_back(std::uint32_t slot, bool received);
  void stop_counting(Book& book);
  void release_payload(Book& book);
  void abandon();

  const Arena& arena_;
  SenderHeap& heap_;
  ChannelRecord& channel_;
  const ShelfMemory memory_;
  const std::uint64_t capacity_;
  const std::uint64_t byte_capacity_;
  std::vector<EndpointRecord*> receivers_;

  std::vector<Book> books_;          ///< by slot; grows as deep as the queue ever was
  std::vector<std::uint32_t> free_;  ///< slots; the last was used last, and is warm
  std::uint64_t promised_slots_ = 0;
  std::uint64_t next_number_ = 1;
  std::uint64_t messages_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t high_water_ = 0;
  std::uint64_t seen_released_ = 0;
  bool abandoned_ = false;
  std::vector<ShelfWriter::Done> done_;
};

}  // namespace mvm::queue
