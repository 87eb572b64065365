// SPDX-License-Identifier: Apache-2.0
#include "shelf_clearing.hpp"

#include <algorithm>

#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {
namespace {

/// Lists are freed of void entries when they hold more than this and twice what is on the shelf.
constexpr std::size_t kSmallList = 64;

bool is_latest(const ChannelRecord& channel) {
  return static_cast<QueueType>(channel.type) == QueueType::kLatest;
}

}  // namespace

ShelfClearing::ShelfClearing(ShelfStore& store, const ChannelRecord& channel, bool delays)
    : store_(store),
      drops_oldest_(static_cast<Overflow>(channel.overflow) == Overflow::kDropOldest),
      expires_(channel.time_to_live_ns > 0),
      supersedes_at_once_(is_latest(channel) && !delays),
      supersedes_later_(is_latest(channel) && delays) {}

void ShelfClearing::remember(Ref ref, std::int64_t urgency, std::int64_t expires_ns) {
  const auto kept = [this](const auto& entry) { return store_.kept(entry.ref); };
  const auto most = std::max<std::size_t>(kSmallList, 2 * store_.messages());
  if (drops_oldest_) {
    if (candidates_.size() > most) candidates_.prune(kept);
    candidates_.push({urgency, ref});
  }
  if (expires_) {
    if (expiring_.size() > most) expiring_.prune(kept);
    expiring_.push({expires_ns, ref});
  }
  if (supersedes_at_once_ || supersedes_later_) {
    if (line_.size() > most) std::erase_if(line_, [this](Ref old) { return !store_.kept(old); });
    line_.push_back(ref);
  }
}

void ShelfClearing::withdraw(Ref ref, DropCause cause) {
  if (!store_.kept(ref)) return;
  if (store_.withdraw(ref) == ShelfStore::Withdrawn::kTakenDown) store_.count_drop(cause);
}

void ShelfClearing::sweep(std::int64_t now_ns) {
  while (!expiring_.empty() && expiring_.top().expires_ns <= now_ns) {
    const auto ref = expiring_.top().ref;
    expiring_.pop();
    withdraw(ref, DropCause::kExpired);
  }
  if (supersedes_later_) sweep_superseded(now_ns);
}

/// On a link that takes time, what is under way supersedes nothing before it arrives.
void ShelfClearing::sweep_superseded(std::int64_t now_ns) {
  std::erase_if(line_, [this](Ref ref) { return !store_.kept(ref); });
  for (auto newest = line_.rbegin(); newest != line_.rend(); ++newest) {
    if (store_.due_ns(*newest) <= now_ns) return take_down_older(newest->number);
  }
}

std::int64_t ShelfClearing::sweeps_at() {
  auto at = kNever;
  while (!expiring_.empty() && !store_.kept(expiring_.top().ref)) expiring_.pop();
  if (!expiring_.empty()) at = expiring_.top().expires_ns;
  if (!supersedes_later_) return at;
  // As soon as a message arrives that is not the oldest, the oldest is superseded.
  for (std::size_t i = 1; i < line_.size(); ++i) at = std::min(at, store_.due_ns(line_[i]));
  return at;
}

bool ShelfClearing::older_ones_make_room(std::uint64_t length) {
  if (!supersedes_at_once_) return false;
  std::erase_if(line_, [this](Ref ref) { return !store_.kept(ref) || store_.out_of_reach(ref); });
  auto messages = store_.messages();
  auto bytes = store_.bytes();
  for (const Ref ref : line_) {
    --messages;
    bytes -= store_.length(ref);
  }
  return !line_.empty() && store_.fits_beside(messages, bytes, length);
}

void ShelfClearing::take_down_older(std::uint64_t than) {
  const auto older = [than](Ref ref) { return ref.number < than; };
  for (const Ref ref : line_) {
    if (older(ref)) withdraw(ref, DropCause::kSuperseded);
  }
  // Those that were not taken down are with their receivers, and out of reach for good.
  std::erase_if(line_, older);
}

bool ShelfClearing::make_room(std::uint64_t length, std::int64_t urgency) {
  if (!choose_victims(length, urgency)) return false;
  for (const auto& victim : victims_) withdraw(victim.ref, DropCause::kOverflow);
  return true;
}

bool ShelfClearing::choose_victims(std::uint64_t length, std::int64_t urgency) {
  victims_.clear();
  auto messages = store_.messages();
  auto bytes = store_.bytes();
  bool slot = store_.has_slot();
  while (!slot || !store_.fits_beside(messages, bytes, length)) {
    while (!candidates_.empty() &&
           (!store_.kept(candidates_.top().ref) || store_.out_of_reach(candidates_.top().ref))) {
      candidates_.pop();
    }
    // What the link has keeps its slot until the other machine is done with it.
    const bool helps = !candidates_.empty() && candidates_.top().urgency >= urgency &&
                       (slot || store_.untouched(candidates_.top().ref));
    if (!helps) {
      for (const auto& victim : victims_) candidates_.push(victim);
      return false;
    }
    slot = true;
    victims_.push_back(candidates_.top());
    candidates_.pop();
    --messages;
    bytes -= store_.length(victims_.back().ref);
  }
  return true;
}

}  // namespace mvm::queue
