// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/direct_line.hpp>
#include <mvm/queuelayer/ring_reader.hpp>
#include <mvm/queuelayer/shelf_reader.hpp>

namespace mvm::queue {

/// The receiving end of a virtual queue, whatever its type and policies. One thread at a time;
/// where receivers compete, each has one of its own.
class QueueReader {
 public:
  /// `self` is the receiving endpoint's number. `relay`: it takes for receivers of other machines,
  /// whose messages are counted there. `arena` must outlive it.
  QueueReader(const Arena& arena, std::uint32_t channel, std::uint32_t self, bool relay = false);

  /// True when something can be taken. A competitor may be quicker.
  [[nodiscard]] bool available() {
    if (line_comes_first()) [[unlikely]]
      return line_->available();
    return ring_ ? ring_->available() : shelf_->available();
  }
  /// Group time at which `available` may become true by itself; or kNever. Valid after `available`
  /// said false.
  [[nodiscard]] std::int64_t available_at() const {
    return ring_ ? kNever : shelf_->available_at();
  }
  /// Precondition: available(). Comparable between the channels of one port: the lower goes first.
  /// 0 where the type knows no urgency.
  [[nodiscard]] std::int64_t urgency() const { return ring_ ? 0 : shelf_->urgency(); }
  /// True when everything was taken and nothing more will come.
  [[nodiscard]] bool ended() {
    if (line_comes_first()) [[unlikely]]
      return false;
    return ring_ ? ring_->ended() : shelf_->ended();
  }

  /// Takes the next fragment; of a shelf, that is a whole message.
  [[nodiscard]] Taken take(Piece& piece) {
    if (line_comes_first()) [[unlikely]]
      return line_->take(piece);
    return ring_ ? ring_->take(piece) : take_shelf(piece);
  }

  /// Gives the memory of a taken piece back to the sender, by the piece's cookie; in any order.
  void give_back(std::uint64_t cookie, bool more) {
    if (line_ != nullptr && is_of_line(cookie)) [[unlikely]]
      return give_back_to_line(cookie, more);
    if (ring_) return ring_->give_back(cookie, more);
    shelf_->give_back(static_cast<std::uint32_t>(cookie & kStampStates), cookie >> kStampShift);
  }

  /// Nobody will take anything more. Where receivers compete it says nothing: the queue VM does,
  /// after the last of them.
  void close();
  /// Adds to the time that receives have waited for a message here.
  void count_blocked(std::int64_t nanoseconds) {
    channel_->receiver_blocked_ns.fetch_add(nanoseconds, std::memory_order_relaxed);
  }

  /// RingReader::taken, and messages that came over a direct line; shelves tell by their stamps,
  /// and add nothing.
  [[nodiscard]] std::uint64_t taken_of_ring() const {
    return (ring_ ? ring_->taken() : 0) + (line_ != nullptr ? line_->taken() : 0);
  }

  /// Messages of this ring come over a direct line first. It must outlive this end.
  void attach(DirectLine& line) { line_ = &line; }
  /// The line, while a message of which one piece was taken and given back comes over it.
  [[nodiscard]] DirectLine* line_between_pieces() {
    return line_ != nullptr && line_->is_between_pieces() ? line_ : nullptr;
  }

  [[nodiscard]] std::uint32_t number() const { return number_; }  ///< of the channel
  [[nodiscard]] const ChannelRecord& channel() const { return *channel_; }
  /// The end itself, for the link, which moves messages in ways that only it needs: one is null.
  [[nodiscard]] RingReader* ring() { return ring_ ? &*ring_ : nullptr; }
  [[nodiscard]] ShelfReader* shelf() { return shelf_ ? &*shelf_ : nullptr; }

 private:
  [[nodiscard]] Taken take_shelf(Piece& piece);
  /// What came over the line is older than what lies on the ring, where nothing is put before the
  /// line has ended.
  [[nodiscard]] bool line_comes_first() {
    if (line_ == nullptr || line_done_) return false;
    line_done_ = line_->ended();
    return !line_done_;
  }
  static constexpr bool is_of_line(std::uint64_t cookie) {
    return (cookie & ((std::uint64_t{1} << LineIntake::kCookieShift) - 1)) == 0;
  }
  void give_back_to_line(std::uint64_t cookie, bool more);

  ChannelRecord* channel_;
  std::uint32_t number_;
  std::optional<RingReader> ring_;
  std::optional<ShelfReader> shelf_;
  DirectLine* line_ = nullptr;
  bool line_done_ = false;  ///< all that came over it was taken
};

}  // namespace mvm::queue
