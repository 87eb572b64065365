// SPDX-License-Identifier: Apache-2.0
// Rings over a link: messages leave and arrive in order, and are released in order.
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include <mvm/queuelayer/ring_reader.hpp>
#include <mvm/queuelayer/ring_writer.hpp>

#include "link_channel.hpp"

namespace mvm::queue {
namespace {

class RingOutlet final : public LinkOutlet {
 public:
  RingOutlet(const Arena& arena, std::uint32_t channel, const LinkCredit& credit)
      : LinkOutlet(channel, arena.channel(channel).id),
        arena_(arena),
        reader_(arena, channel, true),
        credit_(credit) {}

  Result<bool> pump(LinkSession& session) override {
    if (gone_) return false;
    if (!on_line_) return send_pieces(session);
    if (is_over()) line_.reset();
    if (!can_take_over()) return false;
    if (auto taken = take_over(); !taken) return fail(taken.error());
    return true;
  }

  bool has_work(const LinkSession& session) override {
    if (gone_) return false;
    if (on_line_) return can_take_over() || (line_ && is_over());
    if (!session.has_room()) return false;
    if (in_piece_) return could_send_piece(session);
    if (has_credit() && reader_.available()) return true;
    return !end_sent_ && reader_.ended();
  }

  /// Counts are totals, so their meaning does not depend on the frames before.
  Result<void> on_news(const LinkFrame& frame) override {
    if (frame.kind == LinkKind::kLineEnd) return on_line_end(frame.number);
    if (frame.kind != LinkKind::kReleased) return breach("news of another kind of queue");
    if (gone_) return {};
    if (!on_line_) return release_until(frame.number);
    if (!line_end_) return breach("it released beside a direct line");
    released_there_ = std::max(released_there_, frame.number);
    return {};
  }

  void on_line(const LineSocket& socket) override {
    line_ = socket;
    on_line_ = true;
  }
  void cut_line() override {
    if (line_) ::shutdown(line_->get(), SHUT_RDWR);
  }
  bool on_gone() override {
    line_.reset();
    return LinkOutlet::on_gone();
  }

  LinkTally tally() const override {
    const auto& record = reader_.channel();
    if (record.line.load(std::memory_order_acquire) != LineState::kOpen) return count_.tally();
    return {record.enqueued.load(std::memory_order_acquire),
            record.relayed.load(std::memory_order_acquire)};
  }

 private:
  /// A message that the other machine has, or has a part of. It stays here until it is released
  /// there.
  struct Kept {
    std::vector<std::uint64_t> fragments;  ///< cookies
    bool whole = false;
  };

  Result<void> release_until(std::uint64_t total) {
    for (auto done = count_.done.load(std::memory_order_relaxed); done < total; ++done) {
      if (kept_.empty() || !kept_.front().whole) return breach("it released more than was sent");
      release_oldest();
    }
    return {};
  }

  /// May come before the task here has let go, or for a line that did not come to stand here.
  Result<void> on_line_end(std::uint64_t received) {
    if (line_end_) return breach("a second end of a direct line");
    line_end_ = received;
    return {};
  }

  /// The task here has let go, and how many messages came over the line is known.
  [[nodiscard]] bool can_take_over() const { return line_end_ && is_over(); }
  [[nodiscard]] bool is_over() const {
    return reader_.channel().line.load(std::memory_order_acquire) == LineState::kOver;
  }

  /// Goes on where the task has left off: what came over the line is not sent again, but waited
  /// for.
  Result<void> take_over() {
    on_line_ = false;
    reader_.resume();
    count_.done.store(reader_.counted(), std::memory_order_release);
    for (auto n = reader_.counted(); n < *line_end_; ++n) {
      auto& kept = kept_.emplace_back();
      for (Piece piece; !kept.whole; kept.whole = !piece.more) {
        const auto taken = reader_.take(piece);
        if (taken == Taken::kNothing) return breach("it received more than was sent");
        if (taken != Taken::kPiece) return overwritten(arena_, reader_.channel());
        kept.fragments.push_back(piece.cookie);
      }
    }
    count_.passed.store(*line_end_, std::memory_order_release);
    return release_until(released_there_);
  }

  [[nodiscard]] bool has_credit() const {
    const bool between_messages = kept_.empty() || kept_.back().whole;
    return !between_messages || kept_.size() < credit_.messages;
  }
  std::uint64_t next_length() override {
    return std::min<std::uint64_t>(kPieceBytes, piece_.length - piece_sent_);
  }

  Result<bool> choose(LinkSession& session) override {
    if (in_piece_) return true;
    if (!has_credit()) return false;
    switch (reader_.take(piece_)) {
      case Taken::kCorrupt:
        return overwritten(arena_, reader_.channel());
      case Taken::kCut:
      case Taken::kNothing:
        if (reader_.ended()) tell_end(session);
        return false;
      case Taken::kPiece:
        break;
    }
    if (kept_.empty() || kept_.back().whole) kept_.emplace_back();
    kept_.back().fragments.push_back(piece_.cookie);
    in_piece_ = true;
    piece_sent_ = 0;
    return true;
  }

  void send_piece(LinkSession& session, std::uint64_t length) override {
    const bool end_of_piece = piece_sent_ + length == piece_.length;
    const bool more = piece_.more || !end_of_piece;
    session.add({.kind = LinkKind::kPiece,
                 .channel = id_,
                 .message_length = piece_.message_length,
                 .slot_kind = piece_.type | (more ? kMoreFollows : 0),
                 .payload = {reinterpret_cast<const char*>(piece_.data) + piece_sent_, length}});
    piece_sent_ += length;
    if (!end_of_piece) return;
    in_piece_ = false;
    kept_.back().whole = !piece_.more;
    if (!piece_.more) count_.passed.fetch_add(1, std::memory_order_release);
  }

  void release_oldest() {
    const auto& fragments = kept_.front().fragments;
    for (const auto cookie : fragments) reader_.give_back(cookie, cookie != fragments.back());
    kept_.pop_front();
    count_.done.fetch_add(1, std::memory_order_release);
  }

  const Arena& arena_;
  RingReader reader_;
  LinkCredit credit_;
  std::deque<Kept> kept_;
  Piece piece_;  ///< the fragment that is being sent
  std::uint64_t piece_sent_ = 0;
  bool in_piece_ = false;
  LineSocket line_;                        ///< while the task has it
  bool on_line_ = false;                   ///< the line carries, or what it did is not known
  std::optional<std::uint64_t> line_end_;  ///< so many messages came over it
  std::uint64_t released_there_ = 0;       ///< heard while it was not taken over
};

class RingInlet final : public LinkInlet {
 public:
  RingInlet(const Arena& arena, std::uint32_t channel, SenderHeap& heap)
      : LinkInlet(channel, arena.channel(channel).id), writer_(arena, channel, heap) {
    writer_.expect_room(true);  // every release is to be reported
  }

  Result<void> on_data(const LinkFrame& frame, const LinkSession&) override {
    if (frame.kind != LinkKind::kPiece) return breach("data for another kind of queue");
    if (line_ || line_end_) return breach("data beside a direct line");
    if (left_ == 0) return on_first(frame);
    return on_more(frame);
  }

  void on_end() override { writer_.close(); }

  void on_line(const LineSocket& socket) override { line_ = socket; }
  void on_no_line() override { line_end_ = 0; }
  void cut_line() override {
    if (line_) ::shutdown(line_->get(), SHUT_RDWR);
  }

  LinkTally tally() const override {
    if (!line_is(LineState::kOpen)) return count_.tally();
    const auto& record = writer_.channel();
    return {record.line_received.load(std::memory_order_acquire),
            record.line_released.load(std::memory_order_acquire)};
  }

  bool report(LinkSession& session) override {
    if (!session.has_room()) return false;
    bool told = false;
    if (line_ && line_is(LineState::kOver)) {
      line_.reset();
      line_end_ = over_line_ = writer_.channel().line_received.load(std::memory_order_acquire);
      count_.passed.store(over_line_, std::memory_order_release);
    }
    if (line_) return false;
    if (line_end_) {
      session.add({.kind = LinkKind::kLineEnd, .channel = id_, .number = *line_end_});
      line_end_.reset();
      told = true;
    }
    if (const auto released = count_released(); released != told_) {
      told_ = released;
      told_bytes_ = writer_.released_bytes();
      count_.done.store(released, std::memory_order_release);
      session.add({.kind = LinkKind::kReleased, .channel = id_, .number = released});
      told = true;
    }
    if (!gone_sent_ && writer_.receiver_closed()) {
      tell_gone(session);
      told = true;
    }
    return told;
  }

  /// A quarter of what the queue holds, so that a sender who does not wait never has to.
  bool is_awaited() override {
    if (line_ || line_end_) return true;
    const auto& channel = writer_.channel();
    return count_released() - told_ >= std::max(channel.capacity / 4, 1u) ||
           writer_.released_bytes() - told_bytes_ >= channel.byte_capacity / 4 ||
           writer_.receiver_closed();
  }

  bool has_news() override {
    if (line_) return line_is(LineState::kOver);
    return line_end_ || count_released() != told_ || (!gone_sent_ && writer_.receiver_closed());
  }

 private:
  /// Messages that the receiver has given back. Where it is gone, the writer has taken back the
  /// unread ones as well; so those that it had received are asked of the receiver's own count.
  [[nodiscard]] std::uint64_t count_released() {
    const auto released = count_released_in_order();
    if (!writer_.receiver_closed()) return released;
    const auto received = writer_.channel().dequeued.load(std::memory_order_acquire);
    return std::clamp(received, told_, count_.passed.load(std::memory_order_relaxed));
  }

  /// What came over the line comes before what lies on the ring.
  [[nodiscard]] std::uint64_t count_released_in_order() {
    const auto on_ring = writer_.released_messages();
    if (over_line_ == 0) return on_ring;
    const auto on_line = writer_.channel().line_released.load(std::memory_order_acquire);
    return on_line < over_line_ ? std::max(on_line, told_) : over_line_ + on_ring;
  }
  [[nodiscard]] bool line_is(LineState state) const {
    return writer_.channel().line.load(std::memory_order_acquire) == state;
  }

  /// Writes a message that came in one frame, or begins one: then `left_` says how much is to come.
  Result<void> on_first(const LinkFrame& frame) {
    const auto type = frame.slot_kind & kTypeMask;
    const auto length = frame.message_length;
    if ((frame.slot_kind & kOutOfLine) != 0) return breach("a type that no queue has");
    if (length > kMaxMessage.count) return breach("a message over the limit");
    if (!writer_.has_room(length)) {
      return writer_.lacks_memory(length) ? no_room_for_arrival() : breach("more than was agreed");
    }
    if ((frame.slot_kind & kMoreFollows) == 0) {
      if (frame.payload.size() != length) return breach("a length that is not true");
      if (!writer_.write(frame.payload.data(), length, type)) return no_room_for_arrival();
      count_.passed.fetch_add(1, std::memory_order_release);
      return {};
    }
    if (length == 0) return breach("fragments that do not add up");
    if (!writer_.begin(length, type)) return no_room_for_arrival();
    left_ = length;
    return on_more(frame);
  }

  Result<void> on_more(const LinkFrame& frame) {
    const auto& payload = frame.payload;
    const bool more = (frame.slot_kind & kMoreFollows) != 0;
    if (payload.empty() || payload.size() > left_ || more != (payload.size() < left_)) {
      return breach("fragments that do not add up");
    }
    writer_.append(payload.data(), payload.size());
    left_ -= payload.size();
    if (left_ == 0) count_.passed.fetch_add(1, std::memory_order_release);
    return {};
  }

  RingWriter writer_;
  std::uint64_t left_ = 0;  ///< bytes to come of a message that has begun
  std::uint64_t told_ = 0;  ///< messages
  std::uint64_t told_bytes_ = 0;
  LineSocket line_;                        ///< while the direct line carries
  std::optional<std::uint64_t> line_end_;  ///< to be told: so many messages came over it
  std::uint64_t over_line_ = 0;
};

}  // namespace

std::unique_ptr<LinkOutlet> make_ring_outlet(const Arena& arena, std::uint32_t channel,
                                             const LinkCredit& credit) {
  return std::make_unique<RingOutlet>(arena, channel, credit);
}

std::unique_ptr<LinkInlet> make_ring_inlet(const Arena& arena, std::uint32_t channel,
                                           SenderHeap& heap) {
  return std::make_unique<RingInlet>(arena, channel, heap);
}

}  // namespace mvm::queue
