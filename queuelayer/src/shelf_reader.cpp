// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/shelf_reader.hpp>

#include <algorithm>
#include <limits>
#include <optional>

#include <mvm/queuelayer/waiter.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "lazy_heap.hpp"
#include "ranks.hpp"
#include "shelf_memory.hpp"

namespace mvm::queue {
namespace {

/// What the index holds of a message that was announced. It is void as soon as the message's stamp
/// is another.
struct Indexed {
  std::int64_t rank;
  std::int64_t due_ns;
  std::int64_t expires_ns;
  std::int64_t deadline_ns;
  std::uint64_t number;
  std::uint32_t slot;
};
struct RankBefore {
  bool operator()(const Indexed& a, const Indexed& b) const {
    return a.rank != b.rank ? a.rank < b.rank : a.number < b.number;
  }
};
struct DueBefore {
  bool operator()(const Indexed& a, const Indexed& b) const {
    return a.due_ns != b.due_ns ? a.due_ns < b.due_ns : a.number < b.number;
  }
};

/// Group time, read when it is first asked for: queues without times never look at the clock.
class Now {
 public:
  explicit Now(const GroupClock& clock) : clock_(clock) {}
  std::int64_t operator()() {
    if (!read_) now_ns_ = group_now_ns(clock_);
    read_ = true;
    return now_ns_;
  }

 private:
  const GroupClock& clock_;
  bool read_ = false;
  std::int64_t now_ns_ = 0;
};

/// The index is freed of void entries when it holds more than this and twice what can be there.
constexpr std::size_t kSmallIndex = 64;

/// The messages that the link has taken, oldest first, so that those no longer wanted are found
/// without a look at all of them: what a sender takes down is mostly old.
class TakenList {
 public:
  void add(std::uint32_t slot, std::uint64_t number) {
    if (slot >= links_.size()) links_.resize(std::size_t{slot} + 1);
    remove(slot);  // it can be there only when somebody wrote over the shelf
    links_[slot] = {number, last_, kNone, true};
    (last_ == kNone ? first_ : links_[last_].next) = slot;
    last_ = slot;
  }
  void remove(std::uint32_t slot) {
    if (slot >= links_.size() || !links_[slot].in) return;
    const Link link = links_[slot];
    (link.before == kNone ? first_ : links_[link.before].next) = link.next;
    (link.next == kNone ? last_ : links_[link.next].before) = link.before;
    links_[slot].in = false;
  }
  static constexpr std::uint32_t kNone = ~0u;
  [[nodiscard]] std::uint32_t first() const { return first_; }
  [[nodiscard]] std::uint32_t next(std::uint32_t slot) const { return links_[slot].next; }
  [[nodiscard]] std::uint64_t number(std::uint32_t slot) const { return links_[slot].number; }

 private:
  struct Link {
    std::uint64_t number = 0;
    std::uint32_t before = kNone;
    std::uint32_t next = kNone;
    bool in = false;
  };
  std::vector<Link> links_;  ///< by slot
  std::uint32_t first_ = kNone;
  std::uint32_t last_ = kNone;
};

}  // namespace

struct ShelfReader::State {
  State(const Arena& the_arena, std::uint32_t number, std::uint32_t endpoint, bool relays)
      : arena(the_arena),
        channel(the_arena.channel(number)),
        memory(the_arena, number),
        type(static_cast<QueueType>(channel.type)),
        self(endpoint),
        relay(relays),
        alone(channel.receivers.count <= 1),
        corrupt(!memory.valid()),
        sender(&the_arena.endpoint(std::min(channel.sender, the_arena.endpoint_count() - 1))) {}

  [[nodiscard]] bool settle();
  [[nodiscard]] bool settle_known(Now& now);
  [[nodiscard]] bool find_unannounced();
  void collect();
  void index(std::uint64_t number, std::uint32_t slot);
  void index_all(std::uint64_t from, std::uint64_t until);
  void add_due(const Indexed& entry);
  void promote(Now& now);
  [[nodiscard]] std::optional<DropCause> unfit(const Indexed& entry, Now& now) const;
  void discard_superseded();
  void drop(const Indexed& entry, DropCause cause);
  [[nodiscard]] bool still_there(const Indexed& entry) const {
    return memory.slot(entry.slot).stamp.load(std::memory_order_acquire) ==
           stamp_published(entry.number);
  }
  [[nodiscard]] Taken read(const Indexed& entry, ShelfMessage& message);

  void count(std::atomic<std::uint64_t>& counter) const;
  void tell_returned(std::uint32_t slot);
  void give_back(std::uint32_t slot, std::uint64_t stamp, std::atomic<std::uint64_t>* counter);

  const Arena& arena;
  ChannelRecord& channel;
  const ShelfMemory memory;
  const QueueType type;
  const std::uint32_t self;
  const bool relay;
  const bool alone;  ///< no competitor: counters need no read-modify-write
  bool corrupt;
  EndpointRecord* const sender;

  std::uint64_t cursor = 1;  ///< the announcement to look for
  bool end_seen = false;     ///< nothing will be announced any more
  LazyHeap<Indexed, RankBefore> due;
  LazyHeap<Indexed, DueBefore> later;
  /// kLatest: of all that ever became due. Whatever ranks behind it is superseded.
  std::int64_t newest_rank = std::numeric_limits<std::int64_t>::max();

  TakenList taken;  ///< relay only
  std::uint64_t unwanted_seen = 0;
};

/// Takes the announcements that came. Not more than the shelf has slots in one go: a sender that
/// drops what is old can announce as fast as this looks.
void ShelfReader::State::collect() {
  for (std::uint32_t looks = 0; looks < memory.slot_count(); ++looks) {
    const auto entry = memory.announced(cursor).load(std::memory_order_acquire);
    const auto ahead = ahead_of(cursor, entry);
    if (ahead < 0) return;
    if (ahead > 0) {
      // Lapped: this receiver did not look while a whole lap went by. What is still there of the
      // messages in between is found by its stamp; the stamps of all that were announced before
      // this entry are visible with it.
      if (ahead % memory.slot_count() != 0) corrupt = true;
      if (corrupt) return;
      const auto until = cursor + static_cast<std::uint64_t>(ahead);
      index_all(cursor, until);
      cursor = until;
    }
    const auto slot = slot_of_entry(entry);
    if (slot >= memory.slot_count()) corrupt = true;
    if (corrupt) return;
    index(cursor++, slot);
  }
}

void ShelfReader::State::index_all(std::uint64_t from, std::uint64_t until) {
  for (std::uint32_t slot = 0; slot < memory.slot_count(); ++slot) {
    const auto stamp = memory.slot(slot).stamp.load(std::memory_order_acquire);
    if ((stamp & kStampStates) != (stamp_published(0) & kStampStates)) continue;
    const auto ahead = ahead_of(from, stamp);
    if (ahead >= 0 && ahead < ahead_of(from, until << kStampShift)) {
      index(from + static_cast<std::uint64_t>(ahead), slot);
    }
  }
}

/// What is read here belongs to the message only if the slot still carries its stamp when the index
/// is used. The loads are acquire loads so that none of them moves behind that look.
void ShelfReader::State::index(std::uint64_t number, std::uint32_t slot) {
  const ShelfSlot& fields = memory.slot(slot);
  const Indexed entry{.rank = fields.rank.load(std::memory_order_acquire),
                      .due_ns = fields.due_ns.load(std::memory_order_acquire),
                      .expires_ns = fields.expires_ns.load(std::memory_order_acquire),
                      .deadline_ns = fields.deadline_ns.load(std::memory_order_acquire),
                      .number = number,
                      .slot = slot};
  if (!still_there(entry)) return;
  const auto holds = [this](const Indexed& old) { return still_there(old); };
  const auto most = std::max<std::size_t>(kSmallIndex, 2 * std::size_t{memory.slot_count()});
  if (entry.due_ns == 0 || relay) {
    if (due.size() >= most) due.prune(holds);
    add_due(entry);
  } else {
    if (later.size() >= most) later.prune(holds);
    later.push(entry);
  }
}

void ShelfReader::State::add_due(const Indexed& entry) {
  newest_rank = std::min(newest_rank, entry.rank);
  due.push(entry);
}

void ShelfReader::State::promote(Now& now) {
  while (!later.empty() && later.top().due_ns <= now()) {
    add_due(later.top());
    later.pop();
  }
}

std::optional<DropCause> ShelfReader::State::unfit(const Indexed& entry, Now& now) const {
  if (entry.expires_ns != kNever && entry.expires_ns <= now()) return DropCause::kExpired;
  if (entry.deadline_ns != kNever && channel.drop_late != 0 && entry.deadline_ns < now()) {
    return DropCause::kLate;
  }
  if (type == QueueType::kLatest && entry.rank > newest_rank) return DropCause::kSuperseded;
  return {};
}

/// Brings the message that is to be received next to the top of `due`. False when there is none.
bool ShelfReader::State::settle() {
  if (corrupt) return true;
  collect();
  if (corrupt) return true;
  Now now(arena.header().clock);
  return settle_known(now) || (find_unannounced() && settle_known(now));
}

/// A sender that was killed may have published a message, the last, and not have announced it.
/// Looks once, when nothing more is announced. True when there may be something new.
bool ShelfReader::State::find_unannounced() {
  if (end_seen || channel.sender_closed.load(std::memory_order_acquire) == 0) return false;
  end_seen = true;
  // What an ended sender announced is found in two goes: behind a lap there are no more than slots.
  for (int go = 0; go < 2 && !corrupt; ++go) collect();
  if (!corrupt) index_all(cursor, cursor + 1);
  return true;
}

bool ShelfReader::State::settle_known(Now& now) {
  if (corrupt) return true;
  promote(now);
  while (!due.empty()) {
    const Indexed top = due.top();
    if (!still_there(top)) {
      due.pop();
    } else if (relay) {
      return true;
    } else if (const auto cause = unfit(top, now)) {
      due.pop();
      drop(top, *cause);
    } else {
      if (type == QueueType::kLatest && due.size() > 1) discard_superseded();
      return true;
    }
  }
  return false;
}

/// kLatest: the top of `due` is to be received, and everything else there is older.
void ShelfReader::State::discard_superseded() {
  const Indexed newest = due.top();
  due.prune([&](const Indexed& entry) {
    if (entry.number == newest.number) return true;
    drop(entry, DropCause::kSuperseded);
    return false;
  });
}

/// Unless a competitor or the sender was quicker.
void ShelfReader::State::drop(const Indexed& entry, DropCause cause) {
  auto stamp = stamp_published(entry.number);
  if (memory.slot(entry.slot)
          .stamp.compare_exchange_strong(stamp, stamp_dropped(entry.number),
                                         std::memory_order_acq_rel, std::memory_order_relaxed)) {
    count(channel.receiver_drops[static_cast<std::uint32_t>(cause)]);
    tell_returned(entry.slot);
  }
}

void ShelfReader::State::count(std::atomic<std::uint64_t>& counter) const {
  if (alone) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    counter.fetch_add(1, std::memory_order_relaxed);
  }
}

/// Tells the sender which slot is free. A hint, no more: the stamp is what counts.
void ShelfReader::State::tell_returned(std::uint32_t slot) {
  if (alone) {
    const auto i = channel.released.load(std::memory_order_relaxed) + 1;
    memory.returned(i).store(entry_of(i, slot), std::memory_order_release);
    channel.released.store(i, std::memory_order_release);
  } else {
    const auto i = channel.released.fetch_add(1, std::memory_order_acq_rel) + 1;
    auto& entry = memory.returned(i);
    // A receiver that was stopped just here for two laps must not write over a newer hint. Its own
    // is not missed then: the sender has looked at every slot since, or it had not gone on.
    auto old = entry.load(std::memory_order_relaxed);
    while (ahead_of(i, old) < 0 &&
           !entry.compare_exchange_weak(old, entry_of(i, slot), std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
  }
  // Pairs with the fence of a sender that goes to sleep for want of room.
  fence_before_looking_at(*sender);
  if (channel.sender_waiting.load(std::memory_order_relaxed) != 0) ring(*sender);
}

/// The stamp goes first: a receiver that is killed between these steps leaves a message that is
/// neither unread nor counted, which `enqueued` shows, and never one that is counted twice.
void ShelfReader::State::give_back(std::uint32_t slot, std::uint64_t stamp,
                                   std::atomic<std::uint64_t>* counter) {
  if (relay) taken.remove(slot);
  memory.slot(slot).stamp.store(stamp, std::memory_order_release);
  if (counter != nullptr) count(*counter);
  tell_returned(slot);
}

/// The slot is this receiver's now; but whoever scribbled over it may have done so before.
Taken ShelfReader::State::read(const Indexed& entry, ShelfMessage& message) {
  const ShelfSlot& slot = memory.slot(entry.slot);
  const auto kind = slot.kind.load(std::memory_order_relaxed);
  const auto length = slot.length.load(std::memory_order_relaxed);
  const auto at = slot.at.load(std::memory_order_relaxed);
  const bool in_line = (kind & kOutOfLine) == 0;
  const auto* data = in_line ? slot.inline_bytes : arena.find(at, length);
  const auto most = in_line ? sizeof slot.inline_bytes : kMaxMessage.count;
  if (data == nullptr || length > most || (kind & ~(kTypeMask | kOutOfLine)) != 0) {
    corrupt = true;
    return Taken::kCorrupt;
  }
  message = {.data = data,
             .length = length,
             .number = entry.number,
             .slot = entry.slot,
             .type = kind & kTypeMask,
             .priority = slot.priority.load(std::memory_order_relaxed),
             .rank = entry.rank,
             .due_ns = entry.due_ns,
             .expires_ns = entry.expires_ns,
             .deadline_ns = entry.deadline_ns};
  return Taken::kPiece;
}

ShelfReader::ShelfReader(const Arena& arena, std::uint32_t channel, std::uint32_t self, bool relay)
    : state_(std::make_unique<State>(arena, channel, self, relay)) {}
ShelfReader::~ShelfReader() = default;

const ChannelRecord& ShelfReader::channel() const {
  return state_->channel;
}

bool ShelfReader::available() {
  return state_->settle();
}

std::int64_t ShelfReader::available_at() const {
  return state_->later.empty() ? kNever : state_->later.top().due_ns;
}

std::int64_t ShelfReader::urgency() const {
  return state_->due.empty() ? 0 : urgency_of(state_->type, state_->due.top().rank);
}

std::int64_t ShelfReader::rank() const {
  return state_->due.empty() ? std::numeric_limits<std::int64_t>::min() : state_->due.top().rank;
}

bool ShelfReader::ended() {
  // The flag first: whatever was sent before it was raised is visible to the look that follows.
  if (state_->channel.sender_closed.load(std::memory_order_acquire) == 0) return false;
  if (state_->settle()) return false;
  // What is not due yet comes later, unless somebody else has it already.
  auto& later = state_->later;
  while (!later.empty() && !state_->still_there(later.top())) later.pop();
  return later.empty();
}

Taken ShelfReader::take(ShelfMessage& message) {
  State& s = *state_;
  while (s.settle()) {
    if (s.corrupt) return Taken::kCorrupt;
    const Indexed entry = s.due.top();
    s.due.pop();
    auto stamp = stamp_published(entry.number);
    if (!s.memory.slot(entry.slot)
             .stamp.compare_exchange_strong(stamp, stamp_taken(entry.number, s.self),
                                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
      continue;  // a competitor was quicker, or the sender took it down
    }
    if (const auto taken = s.read(entry, message); taken != Taken::kPiece) return taken;
    if (s.relay) {
      s.taken.add(entry.slot, entry.number);
    } else if (entry.deadline_ns != kNever &&
               entry.deadline_ns < group_now_ns(s.arena.header().clock)) {
      message.late = true;
      s.count(s.channel.late);
    }
    return Taken::kPiece;
  }
  return Taken::kNothing;
}

void ShelfReader::give_back(std::uint32_t slot, std::uint64_t number) {
  State& s = *state_;
  s.give_back(slot, stamp_given_back(number), s.relay ? &s.channel.relayed : &s.channel.dequeued);
}

void ShelfReader::give_back_uncounted(std::uint32_t slot, std::uint64_t number) {
  state_->give_back(slot, stamp_dropped(number), nullptr);
}

std::vector<std::uint64_t> ShelfReader::take_unwanted() {
  State& s = *state_;
  std::vector<std::uint64_t> numbers;
  // Acquire: the stamps were changed before the counter.
  const auto unwanted = s.channel.unwanted.load(std::memory_order_acquire);
  auto left = unwanted - s.unwanted_seen;
  s.unwanted_seen = unwanted;
  for (auto slot = s.taken.first(); left > 0 && slot != TakenList::kNone;) {
    const auto here = slot;
    slot = s.taken.next(slot);
    const auto number = s.taken.number(here);
    if (s.memory.slot(here).stamp.load(std::memory_order_acquire) != stamp_unwanted(number)) {
      continue;
    }
    numbers.push_back(number);
    s.taken.remove(here);
    --left;
  }
  return numbers;
}

void ShelfReader::close() {
  if (!state_->alone) return;
  state_->channel.receiver_closed.store(1, std::memory_order_release);
  ring(*state_->sender);
}

}  // namespace mvm::queue
