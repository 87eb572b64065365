// SPDX-License-Identifier: Apache-2.0
#include "shelf_store.hpp"

#include <cstring>

#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {
namespace {

/// Of counters that one sender writes.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

ShelfStore::ShelfStore(const Arena& arena, std::uint32_t channel, SenderHeap& heap)
    : arena_(arena),
      heap_(heap),
      channel_(arena.channel(channel)),
      memory_(arena, channel),
      capacity_(channel_.capacity),
      byte_capacity_(channel_.byte_capacity) {
  for (const auto number : arena.list<std::uint32_t>(channel_.receivers)) {
    if (number < arena.endpoint_count()) receivers_.push_back(&arena.endpoint(number));
  }
}

/// The bytes stay where they are, for receivers still read them.
ShelfStore::~ShelfStore() {
  for (const Book& book : books_) {
    if (book.shared != nullptr && --book.shared->holds == 0) delete book.shared;
  }
}

void ShelfStore::promise(std::uint64_t length) {
  ++promised_slots_;
  ++messages_;
  bytes_ += length;
}

void ShelfStore::end_promise(std::uint64_t length) {
  --promised_slots_;
  --messages_;
  bytes_ -= length;
}

void ShelfStore::count_enqueued(std::uint64_t length) {
  add(channel_.enqueued, 1);
  add(channel_.bytes, length);
}

void ShelfStore::count_drop(DropCause cause) {
  add(channel_.sender_drops[static_cast<std::uint32_t>(cause)], 1);
}

std::uint32_t ShelfStore::take_slot() {
  if (free_.empty()) {
    books_.emplace_back();
    return static_cast<std::uint32_t>(books_.size() - 1);
  }
  const auto slot = free_.back();
  free_.pop_back();
  return slot;
}

bool ShelfStore::bring_to_heap(Item& item) {
  // What came back first: memory that was touched before is used again.
  reclaim();
  const auto at = heap_.allocate(item.length);
  if (!at) return false;
  std::memcpy(arena_.base() + *at, item.data, item.length);
  item.data = nullptr;
  item.at = *at;
  return true;
}

void ShelfStore::free_payload(const Item& item) {
  heap_.free(item.at, item.length);
}

ShelfStore::Ref ShelfStore::put(const Item& item) {
  const Ref ref{next_number_++, take_slot()};
  Book& book = books_[ref.slot];
  book = {.number = ref.number,
          .length = item.length,
          .due_ns = item.due_ns,
          .expires_ns = item.expires_ns,
          .remote_number = item.remote_number,
          .at = item.at,
          .owns_payload = item.data == nullptr && item.shared == nullptr,
          .shared = item.shared,
          .state = Book::State::kKept};
  if (item.shared != nullptr) ++item.shared->holds;
  ++messages_;
  bytes_ += item.length;
  // Before it can be received: so `enqueued` is never behind what became of the messages.
  count_enqueued(item.length);
  publish(item, ref);
  if (messages_ > high_water_) {
    reclaim();
    if (messages_ > high_water_) {
      high_water_ = messages_;
      channel_.high_water.store(high_water_, std::memory_order_relaxed);
    }
  }
  return ref;
}

void ShelfStore::publish(const Item& item, Ref ref) {
  ShelfSlot& slot = memory_.slot(ref.slot);
  if (item.data != nullptr) {
    std::memcpy(slot.inline_bytes, item.data, item.length);
    slot.kind.store(item.type, std::memory_order_relaxed);
  } else {
    slot.at.store(item.at, std::memory_order_relaxed);
    slot.kind.store(item.type | kOutOfLine, std::memory_order_relaxed);
  }
  slot.rank.store(item.rank, std::memory_order_relaxed);
  slot.due_ns.store(item.due_ns, std::memory_order_relaxed);
  slot.expires_ns.store(item.expires_ns, std::memory_order_relaxed);
  slot.deadline_ns.store(item.terms.deadline_ns, std::memory_order_relaxed);
  slot.length.store(item.length, std::memory_order_relaxed);
  slot.priority.store(item.terms.priority, std::memory_order_relaxed);
  slot.stamp.store(stamp_published(ref.number), std::memory_order_release);
  memory_.announced(ref.number).store(entry_of(ref.number, ref.slot), std::memory_order_release);
  ring_receivers();
}

void ShelfStore::ring_receivers() const {
  for (EndpointRecord* receiver : receivers_) ring(*receiver);
}

bool ShelfStore::untouched(Ref ref) const {
  const auto stamp = memory_.slot(ref.slot).stamp.load(std::memory_order_relaxed);
  return stamp == stamp_published(ref.number);
}

bool ShelfStore::out_of_reach(Ref ref) const {
  const auto stamp = memory_.slot(ref.slot).stamp.load(std::memory_order_relaxed);
  return stamp != stamp_published(ref.number) &&
         stamp != stamp_taken(ref.number, arena_.header().link);
}

ShelfStore::Withdrawn ShelfStore::withdraw(Ref ref) {
  auto& stamp = memory_.slot(ref.slot).stamp;
  auto seen = stamp_published(ref.number);
  if (stamp.compare_exchange_strong(seen, stamp_dropped(ref.number), std::memory_order_acq_rel)) {
    take_back(ref.slot, false);
    return Withdrawn::kTakenDown;
  }
  const auto link = arena_.header().link;
  if (seen != stamp_taken(ref.number, link) || link >= arena_.endpoint_count()) {
    return Withdrawn::kTooLate;
  }
  if (!stamp.compare_exchange_strong(seen, stamp_unwanted(ref.number), std::memory_order_acq_rel)) {
    return Withdrawn::kTooLate;
  }
  stop_counting(books_[ref.slot]);
  books_[ref.slot].state = Book::State::kUnwanted;
  // Release: whoever sees the counter finds the stamp.
  channel_.unwanted.store(channel_.unwanted.load(std::memory_order_relaxed) + 1,
                          std::memory_order_release);
  ring(arena_.endpoint(link));
  return Withdrawn::kUnwanted;
}

/// Every entry of `returned` names a slot worth a look. A slot that was looked at for another
/// reason is looked at in vain then: its stamp says whether it is free, or whose message it carries
/// now.
void ShelfStore::reclaim() {
  if (!memory_.valid()) return;
  if (channel_.recount.load(std::memory_order_relaxed) != 0) look_at_every_slot();
  for (std::uint64_t looks = 2 * std::uint64_t{memory_.slot_count()}; looks > 0; --looks) {
    const auto i = seen_released_ + 1;
    const auto entry = memory_.returned(i).load(std::memory_order_acquire);
    if (ahead_of(i, entry) != 0) break;
    seen_released_ = i;
    take_back_if_done(slot_of_entry(entry));
  }
  if (channel_.receiver_closed.load(std::memory_order_acquire) != 0) abandon();
}

/// A receiver died: it may have given something back, or have begun to, without a hint. Whatever
/// was counted in `released` before this look had its stamp changed before, so those hints are
/// needed no more; among them may be one that will never be written.
void ShelfStore::look_at_every_slot() {
  // By an exchange, so that of two deaths the second is not overlooked: what was done before the
  // flag was raised last is visible here.
  channel_.recount.exchange(0, std::memory_order_acq_rel);
  const auto released = channel_.released.load(std::memory_order_acquire);
  for (std::uint32_t slot = 0; slot < books_.size(); ++slot) take_back_if_done(slot);
  // Scribbled over, it would send this cursor astray: no more than all slots can have come back.
  if (released - seen_released_ <= memory_.slot_count()) seen_released_ = released;
}

void ShelfStore::take_back_if_done(std::uint32_t slot) {
  if (slot >= books_.size() || books_[slot].state == Book::State::kFree) return;
  const auto stamp = memory_.slot(slot).stamp.load(std::memory_order_acquire);
  const auto number = books_[slot].number;
  if (stamp == stamp_given_back(number)) {
    take_back(slot, true);
  } else if (stamp == stamp_dropped(number)) {
    take_back(slot, false);
  }
}

void ShelfStore::take_back(std::uint32_t slot, bool received) {
  Book& book = books_[slot];
  if (book.state == Book::State::kKept) stop_counting(book);
  if (book.remote_number) done_.push_back({*book.remote_number, received});
  release_payload(book);
  book.state = Book::State::kFree;
  free_.push_back(slot);
}

void ShelfStore::stop_counting(Book& book) {
  --messages_;
  bytes_ -= book.length;
}

void ShelfStore::release_payload(Book& book) {
  if (book.owns_payload) {
    return_to_host(arena_.base() + book.at, book.length);
    heap_.free(book.at, book.length);
  }
  book.owns_payload = false;
  if (book.shared != nullptr && --book.shared->holds == 0) {
    return_to_host(arena_.base() + book.shared->at, book.shared->length);
    heap_.free(book.shared->at, book.shared->length);
    delete book.shared;
  }
  book.shared = nullptr;
}

/// Nobody will read what is unread. The slots stay as they are, so that it can be counted; and what
/// is taken may be looked at still, by a view that outlives its port, or by the link.
void ShelfStore::abandon() {
  if (abandoned_) return;
  abandoned_ = true;
  for (std::uint32_t slot = 0; slot < books_.size(); ++slot) {
    Book& book = books_[slot];
    if (book.state != Book::State::kFree && untouched({book.number, slot})) release_payload(book);
  }
}

}  // namespace mvm::queue
