// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/shelf_writer.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <mvm/queuelayer/waiter.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "lazy_heap.hpp"
#include "link_emulation.hpp"
#include "ranks.hpp"
#include "shelf_store.hpp"

namespace mvm::queue {
namespace {

using Ref = ShelfStore::Ref;
using Withdrawn = ShelfStore::Withdrawn;

/// Messages in the order in which they make room: of the least urgent, the oldest.
struct Candidate {
  std::int64_t urgency;
  Ref ref;
};
struct LessUrgentFirst {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.urgency != b.urgency ? a.urgency > b.urgency : a.ref.number < b.ref.number;
  }
};

/// Messages in the order in which they expire.
struct Expiring {
  std::int64_t expires_ns;
  Ref ref;
};
struct ExpiresFirst {
  bool operator()(const Expiring& a, const Expiring& b) const {
    return a.expires_ns != b.expires_ns ? a.expires_ns < b.expires_ns : a.ref.number < b.ref.number;
  }
};

/// Lists are freed of void entries when they hold more than this and twice what is on the shelf.
constexpr std::size_t kSmallList = 64;

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
        reads_clock(emulation.delays() || time_to_live_ns > 0),
        supersedes_at_once(type == QueueType::kLatest && !emulation.delays()) {}

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
  [[nodiscard]] bool could_keep(std::uint64_t length) const;
  [[nodiscard]] Sent send(Draft& draft);
  [[nodiscard]] bool make_room(std::uint64_t length, std::int64_t urgency);
  [[nodiscard]] Sent overflowed(std::uint64_t length);
  [[nodiscard]] Sent drop_newcomer(std::uint64_t length, DropCause cause);
  void put(const ShelfStore::Item& item, std::int64_t urgency);

  // Taking down what is on the shelf.
  void sweep(std::int64_t now_ns);
  void sweep_expired(std::int64_t now_ns);
  void sweep_superseded(std::int64_t now_ns);
  void withdraw(Ref ref, DropCause cause);
  [[nodiscard]] bool older_ones_make_room(std::uint64_t length);
  void take_down_older(Ref newest);
  [[nodiscard]] bool choose_victims(std::uint64_t length, std::int64_t urgency);
  [[nodiscard]] bool take_down_victims(std::uint64_t length);
  void find_ready_at();

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
  const bool supersedes_at_once;  ///< kLatest: a newcomer can be received as soon as it is there
  std::int64_t ready_at_ns = kNever;

  LazyHeap<Candidate, LessUrgentFirst> candidates;  ///< kDropOldest only
  std::vector<Candidate> victims;                   ///< chosen for the message being sent
  LazyHeap<Expiring, ExpiresFirst> expiring;        ///< with a time to live only
  std::vector<Ref> line;                            ///< kLatest only: by age
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
  if (reads_clock || type == QueueType::kCustom) draft.now_ns = now();
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
  if (!reads_clock) return false;
  sweep(now());
  return store.fits(length);
}

/// Whether a message would find room now or make some, by what a blocking sender may take down.
bool ShelfWriter::State::could_send(std::uint64_t length) {
  return has_room(length) || older_ones_make_room(length);
}

/// Whether the heap has room, or gets some by what a newcomer supersedes.
bool ShelfWriter::State::could_keep(std::uint64_t length) const {
  return length <= ShelfStore::kSmall || heap.could_allocate(length) ||
         (supersedes_at_once && !line.empty());
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
  if (copied && !store.bring_to_heap(item)) return overflowed(item.length);
  item.due_ns = emulation.pass(d.now_ns, item.length, d.level);
  put(item, d.urgency);
  return Sent::kDone;
}

/// What goes may be taken by a receiver at the last moment; then there is no room after all.
bool ShelfWriter::State::make_room(std::uint64_t length, std::int64_t urgency) {
  const bool room = has_room(length);
  if (supersedes_at_once && (room || older_ones_make_room(length))) {
    take_down_older({store.next_number(), 0});
    return has_room(length);
  }
  if (room || overflow != Overflow::kDropOldest) return room;
  return choose_victims(length, urgency) && take_down_victims(length);
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

void ShelfWriter::State::put(const ShelfStore::Item& item, std::int64_t urgency) {
  const Ref ref = store.put(item);
  const auto kept = [this](const auto& entry) { return store.kept(entry.ref); };
  const auto most = std::max<std::size_t>(kSmallList, 2 * store.messages());
  if (overflow == Overflow::kDropOldest) {
    if (candidates.size() > most) candidates.prune(kept);
    candidates.push({urgency, ref});
  }
  if (time_to_live_ns > 0) {
    if (expiring.size() > most) expiring.prune(kept);
    expiring.push({item.expires_ns, ref});
  }
  if (type == QueueType::kLatest) {
    if (line.size() > most) std::erase_if(line, [this](Ref old) { return !store.kept(old); });
    line.push_back(ref);
  }
}

void ShelfWriter::State::withdraw(Ref ref, DropCause cause) {
  if (store.kept(ref) && store.withdraw(ref) == Withdrawn::kTakenDown) store.count_drop(cause);
}

void ShelfWriter::State::sweep(std::int64_t now_ns) {
  sweep_expired(now_ns);
  if (type == QueueType::kLatest && emulation.delays()) sweep_superseded(now_ns);
}

void ShelfWriter::State::sweep_expired(std::int64_t now_ns) {
  while (!expiring.empty() && expiring.top().expires_ns <= now_ns) {
    const auto ref = expiring.top().ref;
    expiring.pop();
    withdraw(ref, DropCause::kExpired);
  }
}

/// On a link that takes time, what is under way supersedes nothing before it arrives.
void ShelfWriter::State::sweep_superseded(std::int64_t now_ns) {
  std::erase_if(line, [this](Ref ref) { return !store.kept(ref); });
  for (auto newest = line.rbegin(); newest != line.rend(); ++newest) {
    if (store.due_ns(*newest) > now_ns) continue;
    return take_down_older(*newest);
  }
}

/// kLatest: everything before `newest` is superseded.
void ShelfWriter::State::take_down_older(Ref newest) {
  for (const Ref ref : line) {
    if (ref.number < newest.number) withdraw(ref, DropCause::kSuperseded);
  }
  // Those that were not taken down are with their receivers, and out of reach for good.
  std::erase_if(line, [newest](Ref ref) { return ref.number < newest.number; });
}

/// kLatest: whether the newcomer would find room where those are that it supersedes.
bool ShelfWriter::State::older_ones_make_room(std::uint64_t length) {
  if (!supersedes_at_once) return false;
  std::erase_if(line, [this](Ref ref) { return !store.kept(ref) || store.out_of_reach(ref); });
  auto messages = store.messages();
  auto bytes = store.bytes();
  for (const Ref ref : line) {
    --messages;
    bytes -= store.length(ref);
  }
  return !line.empty() && store.fits_beside(messages, bytes, length);
}

/// Chooses what has to go for a newcomer; nothing if that does not help, or if the newcomer is less
/// urgent than all.
bool ShelfWriter::State::choose_victims(std::uint64_t length, std::int64_t urgency) {
  victims.clear();
  auto messages = store.messages();
  auto bytes = store.bytes();
  bool slot = store.has_slot();
  while (!slot || !store.fits_beside(messages, bytes, length)) {
    while (!candidates.empty() &&
           (!store.kept(candidates.top().ref) || store.out_of_reach(candidates.top().ref))) {
      candidates.pop();
    }
    // What the link has keeps its slot until the other machine is done with it.
    const bool helps = !candidates.empty() && candidates.top().urgency >= urgency &&
                       (slot || store.untouched(candidates.top().ref));
    if (!helps) {
      for (const auto& victim : victims) candidates.push(victim);
      return false;
    }
    slot = true;
    victims.push_back(candidates.top());
    candidates.pop();
    --messages;
    bytes -= store.length(victims.back().ref);
  }
  return true;
}

/// True when the newcomer fits then. A receiver may have been quicker with one of them; it holds it
/// now, so the place is not free.
bool ShelfWriter::State::take_down_victims(std::uint64_t length) {
  for (const auto& victim : victims) withdraw(victim.ref, DropCause::kOverflow);
  return has_room(length);
}

/// When a blocked sender may find room though nobody receives.
void ShelfWriter::State::find_ready_at() {
  while (!expiring.empty() && !store.kept(expiring.top().ref)) expiring.pop();
  if (!expiring.empty()) ready_at_ns = expiring.top().expires_ns;
  if (type != QueueType::kLatest || !emulation.delays()) return;
  // As soon as a message arrives that is not the oldest, the oldest is superseded.
  for (std::size_t i = 1; i < line.size(); ++i) {
    ready_at_ns = std::min(ready_at_ns, store.due_ns(line[i]));
  }
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
  s.ready_at_ns = kNever;
  if (!room) s.find_ready_at();
  return room;
}

bool ShelfWriter::refuses(std::uint64_t length) {
  return state_->overflow == Overflow::kFail && !state_->could_send(length);
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
    s.withdraw(ref, DropCause::kExpired);
  } else {
    s.withdraw(ref, s.type == QueueType::kLatest ? DropCause::kSuperseded : DropCause::kOverflow);
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

std::uint64_t ShelfWriter::seen_released() const {
  return state_->store.seen_released();
}

}  // namespace mvm::queue
