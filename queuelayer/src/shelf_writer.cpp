// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/shelf_writer.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <mvm/queuelayer/waiter.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "link_emulation.hpp"
#include "ranks.hpp"
#include "shelf_clearing.hpp"
#include "shelf_store.hpp"

namespace mvm::queue {
namespace {

using Ref = ShelfStore::Ref;

/// Stands for the bytes of an empty message: no data means that they are in the heap.
constexpr std::byte kNoBytes{};

std::int64_t later(std::int64_t at, std::int64_t by) {
  return at > kNever - by ? kNever : at + by;
}

}  // namespace

struct ShelfWriter::State {
  State(const Arena& the_arena, std::uint32_t number, SenderHeap& the_heap, RankRule rule)
      : arena(the_arena),
        heap(the_heap),
        channel(the_arena.channel(number)),
        store(the_arena, number, the_heap),
        emulation(channel),
        custom_rank(std::move(rule)),
        type(static_cast<QueueType>(channel.type)),
        overflow(static_cast<Overflow>(channel.overflow)),
        levels(std::clamp(channel.levels, 1u, kMaxLevels)),
        time_to_live_ns(channel.time_to_live_ns),
        reads_clock(emulation.delays() || time_to_live_ns > 0 || type == QueueType::kCustom),
        clearing(store, channel, emulation.delays()) {}

  /// A message that somebody wants to send.
  struct Draft {
    ShelfStore::Item item;
    std::int64_t now_ns = 0;  ///< only where something depends on it
    std::uint32_t level = 0;  ///< kPriority
    std::int64_t urgency = 0;
  };
  [[nodiscard]] Draft draft(const void* data, std::uint64_t length, std::uint32_t type,
                            const MessageTerms& terms);

  [[nodiscard]] bool has_room(std::uint64_t length);
  [[nodiscard]] bool could_send(std::uint64_t length);
  [[nodiscard]] bool could_keep(std::uint64_t length);
  [[nodiscard]] bool bring_to_heap(ShelfStore::Item& item);
  void take_back();
  [[nodiscard]] Sent send(Draft& draft);
  [[nodiscard]] bool make_room(std::uint64_t length, std::int64_t urgency);
  [[nodiscard]] Sent overflowed(std::uint64_t length);
  [[nodiscard]] Sent drop_newcomer(std::uint64_t length, DropCause cause);

  [[nodiscard]] ShelfStore::Item arrived(const Arrival& arrival, std::uint64_t length,
                                         std::uint32_t element) const;
  void remember_arrival(std::uint64_t remote_number, Ref ref);

  [[nodiscard]] std::int64_t now() const { return group_now_ns(arena.header().clock); }

  const Arena& arena;
  SenderHeap& heap;
  ChannelRecord& channel;
  ShelfStore store;
  LinkEmulation emulation;
  const RankRule custom_rank;
  const QueueType type;
  const Overflow overflow;
  const std::uint32_t levels;
  const std::int64_t time_to_live_ns;
  const bool reads_clock;
  ShelfClearing clearing;
  std::int64_t ready_at_ns = kNever;

  std::vector<Offset> uncounted_loans;              ///< lent beyond the capacity
  std::unordered_map<std::uint64_t, Ref> arrivals;  ///< that the sender may come not to want
};

ShelfWriter::State::Draft ShelfWriter::State::draft(const void* data, std::uint64_t length,
                                                    std::uint32_t element,
                                                    const MessageTerms& terms) {
  Draft draft;
  draft.item.data = data != nullptr ? data : &kNoBytes;
  draft.item.length = length;
  draft.item.type = element & kTypeMask;
  draft.item.terms = terms;
  if (reads_clock) draft.now_ns = now();
  if (time_to_live_ns > 0) draft.item.expires_ns = later(draft.now_ns, time_to_live_ns);
  if (type == QueueType::kPriority) draft.level = level_of_priority(levels, terms.priority);
  const auto number = store.next_number();
  draft.item.rank = rank_of(type, number, draft.level, terms.deadline_ns);
  if (type == QueueType::kCustom && custom_rank) {
    draft.item.rank = custom_rank({.number = number,
                                   .data = data,
                                   .length = length,
                                   .type = draft.item.type,
                                   .priority = terms.priority,
                                   .now_ns = draft.now_ns,
                                   .deadline_ns = terms.deadline_ns});
  }
  draft.urgency = urgency_of(type, draft.item.rank);
  return draft;
}

bool ShelfWriter::State::has_room(std::uint64_t length) {
  if (store.fits(length)) return true;
  store.reclaim();
  if (store.fits(length)) return true;
  if (!clearing.depends_on_time()) return false;
  clearing.sweep(now());
  return store.fits(length);
}

/// Whether a message would find room now or make some, by what a blocking sender may take down.
bool ShelfWriter::State::could_send(std::uint64_t length) {
  return has_room(length) || clearing.older_ones_make_room(length);
}

void ShelfWriter::State::take_back() {
  store.reclaim();
  if (clearing.depends_on_time()) clearing.sweep(now());
}

/// Whether the heap has room, or gets some by what a newcomer supersedes.
bool ShelfWriter::State::could_keep(std::uint64_t length) {
  if (length <= ShelfStore::kSmall || heap.could_allocate(length)) return true;
  take_back();  // which a queue with room to spare has not done for long
  return heap.could_allocate(length) || (clearing.supersedes_at_once() && clearing.has_older());
}

bool ShelfWriter::State::bring_to_heap(ShelfStore::Item& item) {
  return store.bring_to_heap(item) || (could_keep(item.length) && store.bring_to_heap(item));
}

/// Makes room as the policies allow, then puts the message there.
Sent ShelfWriter::State::send(Draft& d) {
  auto& item = d.item;
  if (emulation.loses_next()) {
    (void)emulation.pass(d.now_ns, item.length, d.level);
    return drop_newcomer(item.length, DropCause::kLost);
  }
  if (!make_room(item.length, d.urgency)) return overflowed(item.length);
  const bool copied = item.data != nullptr && item.length > ShelfStore::kSmall;
  if (copied && !bring_to_heap(item)) return overflowed(item.length);
  item.due_ns = emulation.pass(d.now_ns, item.length, d.level);
  clearing.remember(store.put(item), d.urgency, item.expires_ns);
  return Sent::kDone;
}

/// What goes may be taken by a receiver at the last moment; then there is no room after all.
bool ShelfWriter::State::make_room(std::uint64_t length, std::int64_t urgency) {
  const bool room = has_room(length);
  if (clearing.supersedes_at_once() && (room || clearing.older_ones_make_room(length))) {
    clearing.take_down_older(store.next_number());
    return has_room(length);
  }
  if (room || overflow != Overflow::kDropOldest) return room;
  return clearing.make_room(length, urgency) && has_room(length);
}

Sent ShelfWriter::State::overflowed(std::uint64_t length) {
  switch (overflow) {
    case Overflow::kBlock:
      return Sent::kTryAgain;
    case Overflow::kFail:
      return Sent::kRefused;
    case Overflow::kDropOldest:
    case Overflow::kDropNewest:
      break;
  }
  return drop_newcomer(length, DropCause::kOverflow);
}

Sent ShelfWriter::State::drop_newcomer(std::uint64_t length, DropCause cause) {
  store.count_enqueued(length);
  store.count_drop(cause);
  return cause == DropCause::kLost ? Sent::kDone : Sent::kDropped;
}

ShelfStore::Item ShelfWriter::State::arrived(const Arrival& arrival, std::uint64_t length,
                                             std::uint32_t element) const {
  return {.length = length,
          .type = element & kTypeMask,
          .rank = arrival.rank,
          .due_ns = arrival.due_ns,
          .expires_ns = arrival.expires_ns,
          .terms = arrival.terms,
          .remote_number = arrival.remote_number};
}

void ShelfWriter::State::remember_arrival(std::uint64_t remote_number, Ref ref) {
  if (type != QueueType::kLatest && overflow != Overflow::kDropOldest && time_to_live_ns == 0) {
    return;
  }
  arrivals[remote_number] = ref;
}

ShelfWriter::ShelfWriter(const Arena& arena, std::uint32_t channel, SenderHeap& heap, RankRule rank)
    : state_(std::make_unique<State>(arena, channel, heap, std::move(rank))) {}
ShelfWriter::~ShelfWriter() = default;

const ChannelRecord& ShelfWriter::channel() const {
  return state_->channel;
}

bool ShelfWriter::receiver_closed() const {
  return state_->channel.receiver_closed.load(std::memory_order_acquire) != 0 ||
         !state_->store.valid();
}

bool ShelfWriter::ready(std::uint64_t length) {
  State& s = *state_;
  if (s.overflow != Overflow::kBlock) return true;
  const bool room = s.could_send(length) && s.could_keep(length);
  s.ready_at_ns = room ? kNever : s.clearing.sweeps_at();
  return room;
}

bool ShelfWriter::refuses(std::uint64_t length) {
  if (state_->overflow != Overflow::kFail) return false;
  return !state_->could_send(length) || !state_->could_keep(length);
}

std::int64_t ShelfWriter::ready_at() const {
  return state_->ready_at_ns;
}

Sent ShelfWriter::send(const void* data, std::uint64_t length, std::uint32_t type,
                       const MessageTerms& terms) {
  auto draft = state_->draft(data, length, type, terms);
  return state_->send(draft);
}

Sent ShelfWriter::send_shared(SharedBlock& block, std::uint32_t type, const MessageTerms& terms) {
  const auto* data = state_->arena.base() + block.at;
  auto draft = state_->draft(data, block.length, type, terms);
  if (block.length > ShelfStore::kSmall) {
    draft.item.data = nullptr;
    draft.item.at = block.at;
    draft.item.shared = &block;
  }
  return state_->send(draft);
}

std::byte* ShelfWriter::reserve(std::uint64_t length) {
  State& s = *state_;
  const bool counts = s.has_room(length);
  const auto at = s.heap.allocate(length);
  if (!at) return nullptr;
  if (counts) {
    s.store.promise(length);
  } else {
    s.uncounted_loans.push_back(*at);
  }
  return s.arena.base() + *at;
}

Sent ShelfWriter::send_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type,
                                const MessageTerms& terms) {
  State& s = *state_;
  const auto at = static_cast<Offset>(memory - s.arena.base());
  if (std::erase(s.uncounted_loans, at) == 0) s.store.end_promise(length);
  auto draft = s.draft(memory, length, type, terms);
  draft.item.data = nullptr;
  draft.item.at = at;
  const auto number = s.store.next_number();
  auto sent = s.send(draft);
  if (sent == Sent::kTryAgain) sent = s.drop_newcomer(length, DropCause::kOverflow);
  if (s.store.next_number() == number) s.store.free_payload(draft.item);  // it was not kept
  return sent;
}

void ShelfWriter::cancel(std::byte* memory, std::uint64_t length) {
  State& s = *state_;
  const auto at = static_cast<Offset>(memory - s.arena.base());
  if (std::erase(s.uncounted_loans, at) == 0) s.store.end_promise(length);
  s.heap.free(at, length);
}

Sent ShelfWriter::put_arrived(const void* data, std::uint64_t length, std::uint32_t type,
                              const Arrival& arrival) {
  State& s = *state_;
  if (!s.store.has_slot()) s.store.reclaim();
  if (!s.store.has_slot()) return Sent::kTryAgain;
  auto item = s.arrived(arrival, length, type);
  item.data = data != nullptr ? data : &kNoBytes;
  if (length > ShelfStore::kSmall && !s.store.bring_to_heap(item)) return Sent::kTryAgain;
  s.remember_arrival(arrival.remote_number, s.store.put(item));
  return Sent::kDone;
}

std::byte* ShelfWriter::reserve_arrived(std::uint64_t length) {
  State& s = *state_;
  s.store.reclaim();
  if (!s.store.has_slot()) return nullptr;
  const auto at = s.heap.allocate(length);
  if (!at) return nullptr;
  s.store.promise(length);
  return s.arena.base() + *at;
}

void ShelfWriter::put_arrived_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type,
                                       const Arrival& arrival) {
  State& s = *state_;
  s.store.end_promise(length);
  auto item = s.arrived(arrival, length, type);
  item.at = static_cast<Offset>(memory - s.arena.base());
  s.remember_arrival(arrival.remote_number, s.store.put(item));
}

void ShelfWriter::cancel_arrived(std::byte* memory, std::uint64_t length) {
  cancel(memory, length);
}

void ShelfWriter::drop_arrived(std::uint64_t remote_number) {
  State& s = *state_;
  const auto found = s.arrivals.find(remote_number);
  if (found == s.arrivals.end()) return;
  const auto ref = found->second;
  if (!s.store.kept(ref)) return;
  const auto expires_ns = s.store.expires_ns(ref);
  if (expires_ns != kNever && expires_ns <= s.now()) {
    s.clearing.withdraw(ref, DropCause::kExpired);
  } else {
    s.clearing.withdraw(
        ref, s.type == QueueType::kLatest ? DropCause::kSuperseded : DropCause::kOverflow);
  }
}

std::vector<ShelfWriter::Done> ShelfWriter::take_done() {
  State& s = *state_;
  s.store.reclaim();
  for (const auto& done : s.store.done()) s.arrivals.erase(done.remote_number);
  return std::exchange(s.store.done(), {});
}

bool ShelfWriter::has_done() {
  state_->store.reclaim();
  return !state_->store.done().empty();
}

void ShelfWriter::close() {
  state_->channel.sender_closed.store(1, std::memory_order_release);
  state_->store.ring_receivers();
}

void ShelfWriter::expect_room(bool waiting) {
  state_->channel.sender_waiting.store(waiting ? 1 : 0, std::memory_order_relaxed);
}

bool ShelfWriter::lacks_memory(std::uint64_t length) const {
  return state_->store.fits(length) && length > ShelfStore::kSmall &&
         !state_->heap.could_allocate(length);
}

void ShelfWriter::take_back() {
  state_->take_back();
}

std::uint64_t ShelfWriter::seen_released() const {
  return state_->store.seen_released();
}

}  // namespace mvm::queue
