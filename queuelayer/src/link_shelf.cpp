// SPDX-License-Identifier: Apache-2.0
// Shelves over a link: the most urgent message leaves first, also between the pieces of a lesser
// one; receivers take what has arrived in any order.
#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mvm/queuelayer/shelf_reader.hpp>
#include <mvm/queuelayer/shelf_writer.hpp>
#include <mvm/queuelayer/waiter.hpp>

#include "link_channel.hpp"

namespace mvm::queue {
namespace {

/// Why a message is dropped on its way that its sender took down.
DropCause cause_of_drop(const ChannelRecord& channel, std::int64_t expires_ns,
                        std::int64_t now_ns) {
  if (expires_ns <= now_ns) return DropCause::kExpired;
  return static_cast<QueueType>(channel.type) == QueueType::kLatest ? DropCause::kSuperseded
                                                                    : DropCause::kOverflow;
}

class ShelfOutlet final : public LinkOutlet {
 public:
  ShelfOutlet(const Arena& arena, std::uint32_t channel, const LinkCredit& credit)
      : LinkOutlet(channel, arena.channel(channel).id),
        arena_(arena),
        reader_(arena, channel, arena.header().link, true),
        credit_(credit),
        most_held_(std::max(credit.messages, slots_beside_capacity(channel) / credit.outlets)) {}

  Result<bool> pump(LinkSession& session) override {
    find_unwanted();
    const bool told = tell_drops(session);
    auto sent = send_pieces(session);
    if (!sent) return sent;
    return told || *sent;
  }

  bool has_work(const LinkSession& session) override {
    if (!session.has_room()) return false;
    if (has_unwanted() || !drops_.empty() || is_better_there()) return true;
    if (!sending_.empty()) return could_send_piece(session);
    return !gone_ && !end_sent_ && reader_.ended();
  }

  Result<void> on_news(const LinkFrame& frame) override {
    if (frame.kind != LinkKind::kDone) return breach("news of another kind of queue");
    for (std::size_t i = 0; i < frame.payload.size() / kDoneBytes; ++i) {
      const auto done = done_at(frame.payload, i);
      const auto found = held_.find(done.number);
      if (found == held_.end()) {
        if (gone_ && credit_.competing) continue;  // given back already
        return breach("it is done with a message that it does not have");
      }
      const bool whole = found->second.whole();
      if (!whole && (done.received || !found->second.unwanted)) {
        return breach("it is done with a message that it does not have");
      }
      give_back(found, done.received);
    }
    return {};
  }

  /// What lies there unread is lost with its receivers, and counted there. Where others go on
  /// receiving it must not stand in the sender's way; what has begun is sent to its end first.
  bool on_gone() override {
    const bool first = LinkOutlet::on_gone();
    if (first && credit_.competing) {
      for (auto next = held_.begin(); next != held_.end();) {
        const auto here = next++;
        if (here->second.whole()) give_back(here, false);
      }
    }
    return first;
  }

 private:
  /// A message that the other machine has, or is about to have.
  struct Held {
    ShelfMessage message;
    std::uint64_t sent = 0;
    bool began = false;
    bool unwanted = false;
    [[nodiscard]] bool whole() const { return began && sent == message.length; }
  };
  using HeldMessages = std::unordered_map<std::uint64_t, Held>;  ///< by number
  using Order = std::pair<std::int64_t, std::uint64_t>;          ///< rank, number

  static Order order_of(const ShelfMessage& message) { return {message.rank, message.number}; }
  [[nodiscard]] Held& first() { return held_.at(sending_.begin()->second); }
  std::uint64_t next_length() override {
    Held& held = first();
    return std::min<std::uint64_t>(kPieceBytes, held.message.length - held.sent);
  }

  [[nodiscard]] bool has_unwanted() const {
    return arena_.channel(channel_).unwanted.load(std::memory_order_acquire) != unwanted_seen_;
  }

  /// What the sender no longer wants keeps its slot until the other machine is done with it. The
  /// sender finds a slot for every message that there is room for, if the link leaves so many.
  [[nodiscard]] std::uint64_t slots_beside_capacity(std::uint32_t channel) const {
    const ChannelRecord& record = arena_.channel(channel);
    return record.slot_count - record.capacity - 1;
  }
  [[nodiscard]] bool may_take() const {
    return !gone_ && held_.size() - unwanted_ < credit_.messages && held_.size() < most_held_;
  }

  /// True when a message can be taken that goes before all that have begun.
  [[nodiscard]] bool is_better_there() {
    if (!may_take() || !reader_.available()) return false;
    return sending_.empty() || reader_.rank() < sending_.begin()->first;
  }

  /// Makes the first of `sending_` what is to be sent next.
  Result<bool> choose(LinkSession& session) override {
    if (is_better_there()) {
      ShelfMessage message;
      switch (reader_.take(message)) {
        case Taken::kCorrupt:
          return overwritten(arena_, reader_.channel());
        case Taken::kCut:
        case Taken::kNothing:
          break;  // a competitor was quicker
        case Taken::kPiece:
          if (!held_.try_emplace(message.number, Held{.message = message}).second) {
            // No sender gives two messages one number.
            return overwritten(arena_, reader_.channel());
          }
          sending_.insert(order_of(message));
          break;
      }
    }
    if (!sending_.empty()) return true;
    if (!gone_ && reader_.ended()) tell_end(session);
    return false;
  }

  void send_piece(LinkSession& session, std::uint64_t length) override {
    Held& held = first();
    const ShelfMessage& message = held.message;
    const std::string_view payload(reinterpret_cast<const char*>(message.data) + held.sent, length);
    if (held.began) {
      session.add({.kind = LinkKind::kMore,
                   .channel = id_,
                   .number = message.number,
                   .offset = held.sent,
                   .payload = payload});
    } else {
      session.add({.kind = LinkKind::kMessage,
                   .channel = id_,
                   .number = message.number,
                   .message_length = message.length,
                   .slot_kind = message.type,
                   .rank = message.rank,
                   .due_ns = message.due_ns,
                   .expires_ns = message.expires_ns,
                   .deadline_ns = message.deadline_ns,
                   .priority = message.priority,
                   .payload = payload});
    }
    held.began = true;
    held.sent += length;
    if (!held.whole()) return;
    sending_.erase(order_of(message));
    count_.passed.fetch_add(1, std::memory_order_release);
    if (gone_ && credit_.competing) give_back(held_.find(message.number), false);
  }

  /// Looks which messages the sender has taken down. Of those that have begun the other machine is
  /// to hear.
  void find_unwanted() {
    if (!has_unwanted()) return;
    unwanted_seen_ = arena_.channel(channel_).unwanted.load(std::memory_order_acquire);
    for (const auto number : reader_.take_unwanted()) {
      const auto found = held_.find(number);
      if (found == held_.end()) continue;
      Held& held = found->second;
      sending_.erase(order_of(held.message));
      held.unwanted = true;
      ++unwanted_;
      if (held.began) {
        drops_.push_back(number);
      } else {
        drop_here(found);
      }
    }
  }

  bool tell_drops(LinkSession& session) {
    bool told = false;
    for (; !drops_.empty() && session.has_room(); drops_.pop_front()) {
      // What is done there by now is nobody's any more.
      if (!held_.contains(drops_.front())) continue;
      session.add({.kind = LinkKind::kDrop, .channel = id_, .number = drops_.front()});
      told = true;
    }
    return told;
  }

  /// Nothing of it has left, so it is counted on this machine, where the link is its receiver.
  void drop_here(HeldMessages::iterator held) {
    ChannelRecord& channel = arena_.channel(channel_);
    const auto cause = cause_of_drop(channel, held->second.message.expires_ns,
                                     group_now_ns(arena_.header().clock));
    channel.receiver_drops[static_cast<std::uint32_t>(cause)].fetch_add(1,
                                                                        std::memory_order_relaxed);
    --unwanted_;
    reader_.give_back_uncounted(held->second.message.slot, held->first);
    held_.erase(held);
  }

  void give_back(HeldMessages::iterator held, bool received) {
    const ShelfMessage& message = held->second.message;
    if (held->second.unwanted) --unwanted_;
    if (received) {
      reader_.give_back(message.slot, message.number);
    } else {
      reader_.give_back_uncounted(message.slot, message.number);
    }
    if (held->second.whole()) count_.done.fetch_add(1, std::memory_order_release);
    held_.erase(held);
  }

  const Arena& arena_;
  ShelfReader reader_;
  LinkCredit credit_;
  std::uint64_t most_held_;  ///< wanted or not
  HeldMessages held_;
  std::set<Order> sending_;          ///< those of `held_` that are not whole there, by rank
  std::deque<std::uint64_t> drops_;  ///< to be told
  std::uint64_t unwanted_ = 0;       ///< of `held_`
  std::uint64_t unwanted_seen_ = 0;
};

class ShelfInlet final : public LinkInlet {
 public:
  ShelfInlet(const Arena& arena, std::uint32_t channel, SenderHeap& heap)
      : LinkInlet(channel, arena.channel(channel).id),
        arena_(arena),
        writer_(arena, channel, heap) {
    writer_.expect_room(true);  // everything given back is to be reported
  }

  Result<void> on_data(const LinkFrame& frame, const LinkSession& session) override {
    switch (frame.kind) {
      case LinkKind::kMessage:
        return on_first(frame, session);
      case LinkKind::kMore:
        return on_more(frame);
      case LinkKind::kDrop:
        drop(frame.number);
        return {};
      default:
        return breach("data for another kind of queue");
    }
  }

  void on_end() override {
    for (const auto& [number, part] : parts_) writer_.cancel_arrived(part.memory, part.length);
    parts_.clear();
    writer_.close();
  }

  bool report(LinkSession& session) override {
    bool told = false;
    for (const auto& done : writer_.take_done()) {
      add_done({.number = done.remote_number, .received = done.received});
    }
    while (!done_.empty() && session.has_room()) {
      const auto count = std::min(done_.size(), kMostDone * kDoneBytes);
      session.add({.kind = LinkKind::kDone,
                   .channel = id_,
                   .payload = std::string_view(done_).substr(0, count)});
      count_.done.fetch_add(count / kDoneBytes, std::memory_order_release);
      done_.erase(0, count);
      told = true;
    }
    if (!gone_sent_ && done_.empty() && writer_.receiver_closed() && session.has_room()) {
      tell_gone(session);
      told = true;
    }
    return told;
  }

  bool has_news() override {
    return !done_.empty() || writer_.has_done() || (!gone_sent_ && writer_.receiver_closed());
  }

 private:
  /// A message of which pieces are still to come.
  struct Part {
    std::byte* memory = nullptr;
    std::uint64_t length = 0;
    std::uint64_t filled = 0;
    std::uint32_t type = 0;
    ShelfWriter::Arrival arrival;
  };
  /// In one frame; more go in several.
  static constexpr std::size_t kMostDone = kSmallPayload / kDoneBytes;

  Result<void> on_first(const LinkFrame& frame, const LinkSession& session) {
    const auto type = frame.slot_kind;
    const auto length = frame.message_length;
    if ((type & ~kTypeMask) != 0) return breach("a type that no queue has");
    if (length > kMaxMessage.count) return breach("a message over the limit");
    if (frame.payload.size() > length || (frame.payload.empty() && length > 0)) {
      return breach("a length that is not true");
    }
    if (parts_.contains(frame.number)) return breach("a message that is there already");
    const ShelfWriter::Arrival arrival{
        .remote_number = frame.number,
        .rank = frame.rank,
        .due_ns = frame.due_ns == 0 ? 0 : session.to_local_ns(frame.due_ns),
        .expires_ns = session.to_local_ns(frame.expires_ns),
        .terms = {.priority = frame.priority,
                  .deadline_ns = session.to_local_ns(frame.deadline_ns)}};
    if (present_ >= writer_.channel().slot_count) return breach("more than was agreed");
    ++present_;
    if (frame.payload.size() == length) {
      if (writer_.put_arrived(frame.payload.data(), length, type, arrival) != Sent::kDone) {
        return no_room_for_arrival();
      }
      count_.passed.fetch_add(1, std::memory_order_release);
      return {};
    }
    std::byte* memory = writer_.reserve_arrived(length);
    if (memory == nullptr) return no_room_for_arrival();
    parts_[frame.number] = {.memory = memory, .length = length, .type = type, .arrival = arrival};
    return append(frame);
  }

  Result<void> on_more(const LinkFrame& frame) {
    if (!parts_.contains(frame.number)) return breach("fragments that do not add up");
    return append(frame);
  }

  Result<void> append(const LinkFrame& frame) {
    Part& part = parts_[frame.number];
    const auto& payload = frame.payload;
    if (frame.offset != part.filled || payload.empty() ||
        payload.size() > part.length - part.filled) {
      return breach("fragments that do not add up");
    }
    std::memcpy(part.memory + part.filled, payload.data(), payload.size());
    part.filled += payload.size();
    if (part.filled < part.length) return {};
    writer_.put_arrived_reserved(part.memory, part.length, part.type, part.arrival);
    parts_.erase(frame.number);
    count_.passed.fetch_add(1, std::memory_order_release);
    return {};
  }

  /// Takes a message down. Of one that has not arrived whole no receiver knows.
  void drop(std::uint64_t number) {
    const auto found = parts_.find(number);
    if (found == parts_.end()) {
      writer_.drop_arrived(number);
      return;
    }
    ChannelRecord& channel = arena_.channel(channel_);
    const auto cause = cause_of_drop(channel, found->second.arrival.expires_ns,
                                     group_now_ns(arena_.header().clock));
    channel.sender_drops[static_cast<std::uint32_t>(cause)].fetch_add(1, std::memory_order_relaxed);
    writer_.cancel_arrived(found->second.memory, found->second.length);
    parts_.erase(found);
    add_done({.number = number, .received = false});
  }

  void add_done(const DoneMessage& done) {
    append_done(done_, done);
    --present_;
  }

  const Arena& arena_;
  ShelfWriter writer_;
  std::map<std::uint64_t, Part> parts_;  ///< by the sender's number
  std::uint64_t present_ = 0;            ///< messages here that are not done, parts included
  std::string done_;                     ///< to be told, as it goes into frames
};

}  // namespace

std::unique_ptr<LinkOutlet> make_shelf_outlet(const Arena& arena, std::uint32_t channel,
                                              const LinkCredit& credit) {
  return std::make_unique<ShelfOutlet>(arena, channel, credit);
}

std::unique_ptr<LinkInlet> make_shelf_inlet(const Arena& arena, std::uint32_t channel,
                                            SenderHeap& heap) {
  return std::make_unique<ShelfInlet>(arena, channel, heap);
}

}  // namespace mvm::queue
