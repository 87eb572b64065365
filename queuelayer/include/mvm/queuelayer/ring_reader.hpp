// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/tape.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {

/// A message or a fragment of one, seen where it lies. Valid until it is given back.
struct Piece {
  const std::byte* data = nullptr;
  std::uint64_t length = 0;
  std::uint64_t message_length = 0;  ///< of the whole message
  std::uint64_t cookie = 0;          ///< for `give_back`
  std::uint32_t type = 0;
  std::uint32_t priority = 0;
  bool more = false;  ///< the message goes on in the next fragment
  bool late = false;  ///< its deadline had passed when it was taken
};

/// What looking into a queue found.
enum class Taken {
  kPiece,
  kNothing,
  kCorrupt,  ///< another task overwrote the queue; it is beyond use
  kCut,      ///< of a direct line: the message that had begun ends here, and comes again as a whole
};

/// The receiving end of a channel of kind kRing. One thread at a time.
class RingReader {
 public:
  /// `relay`: it takes for a receiver of another machine, whose messages are counted there. `arena`
  /// must outlive it.
  explicit RingReader(const Arena& arena, std::uint32_t channel, bool relay = false);

  /// True when a fragment can be taken.
  [[nodiscard]] bool available() { return next_header() != 0; }
  /// True when everything was taken and nothing more will come.
  [[nodiscard]] bool ended() {
    // The flag first: whatever was sent before it was raised is visible to the look that follows.
    return channel_->sender_closed.load(std::memory_order_acquire) != 0 && !available();
  }

  /// After `available` said no: zero until it says yes, or would go on elsewhere.
  [[nodiscard]] const tape::Header& announcement() const { return header_at(next_); }
  [[nodiscard]] const EndpointRecord& sender() const { return *sender_; }

  /// Takes the next fragment.
  [[nodiscard]] Taken take(Piece& piece) {
    const auto header = next_header();
    if (header == 0) return Taken::kNothing;
    const auto at = next_;
    const auto form = tape::form_of(header);
    const bool published = tape::state_of(header) == tape::State::kPublished;
    if (!published || !tape::is_sound(header, at, tape_size_)) [[unlikely]]
      return Taken::kCorrupt;
    piece.length = tape::length_of(header);
    piece.message_length = piece.length;
    piece.type = tape::kind_of(header) & kTypeMask;
    piece.more = (tape::kind_of(header) & kMoreFollows) != 0;
    next_ = tape::end_of(form, at, piece.length);
    piece.cookie = cookie_of(taken_, next_);
    taken_ = next_;
    ++records_;
    if (form == tape::Form::kElsewhere) return take_elsewhere(at, piece);
    piece.data = memory_at(tape::payload_at(form, at));
    if (form == tape::Form::kShort) [[likely]] {
      return piece.more ? Taken::kCorrupt : Taken::kPiece;
    }
    piece.message_length = word_at(at, 1);
    return is_sound(piece) ? Taken::kPiece : Taken::kCorrupt;
  }

  /// Takes the next message, copies it to `to` and gives it back, if it is there, of exactly this
  /// length and type, and not in fragments. False, with nothing taken, otherwise, or while this end
  /// has not given back all that it took.
  [[nodiscard, gnu::always_inline]] bool try_copy(void* to, std::uint64_t length,
                                                  std::uint32_t type) {
    const auto form = tape::form_for(length);
    const auto header = header_at(next_).load(std::memory_order_acquire);
    if (header != tape::published(form, type, length)) return false;
    const auto end = tape::end_of(form, next_, length);
    const bool plain = taken_ == released_ && length <= tape::kWholeBytes &&
                       end <= tape::next_lap(next_, tape_size_);
    if (!plain) [[unlikely]]
      return false;
    const std::byte* payload = memory_at(tape::payload_at(form, next_));
    if (length == tape::kShortBytes) {
      std::memcpy(to, payload, tape::kShortBytes);
    } else {
      tape::copy_near(static_cast<std::byte*>(to), payload, length);
    }
    next_ = taken_ = released_ = end;
    ++records_;
    tell_released(false);
    return true;
  }

  /// Gives a taken fragment's memory back to the sender; in any order.
  void give_back(std::uint64_t cookie, bool more) {
    if (held_back_.empty() && start_of(cookie) == in_units(released_)) [[likely]] {
      released_ += bytes_of(cookie);
    } else {
      give_back_out_of_order(cookie);
    }
    tell_released(more);
  }

  /// Nobody will take anything more: the sender sees its queue closed.
  void close();

  /// Goes on where another reader of this kind, which has ended, has left off: behind what it gave
  /// back.
  void resume();
  /// Counts a message that was received, though not over this ring.
  void count_one() { counter_->store(++dequeued_, std::memory_order_release); }

  /// Messages given back, and those that were counted.
  [[nodiscard]] std::uint64_t counted() const { return dequeued_; }
  /// Position on the tape up to which everything was taken.
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  /// How many fragments that were.
  [[nodiscard]] std::uint64_t records() const { return records_; }

  [[nodiscard]] const ChannelRecord& channel() const { return *channel_; }

 private:
  // A cookie is where a record begins and what it takes, with the turn before it: 40 and 24 bits,
  // both in units. So it is never a multiple of 2^24, which cookies of direct lines are.
  static constexpr std::uint32_t kCookieShift = 24;
  static constexpr std::uint64_t kPositions = (std::uint64_t{1} << 40) - 1;
  static constexpr std::uint64_t in_units(std::uint64_t position) {
    return position / tape::kUnit & kPositions;
  }
  static constexpr std::uint64_t cookie_of(std::uint64_t begin, std::uint64_t end) {
    return in_units(begin) << kCookieShift | (end - begin) / tape::kUnit;
  }
  static constexpr std::uint64_t start_of(std::uint64_t cookie) { return cookie >> kCookieShift; }
  static constexpr std::uint64_t bytes_of(std::uint64_t cookie) {
    return (cookie & ((1u << kCookieShift) - 1)) * tape::kUnit;
  }

  [[nodiscard]] std::byte* memory_at(std::uint64_t position) const {
    return tape_ + (position & (tape_size_ - 1));
  }
  [[nodiscard]] tape::Header& header_at(std::uint64_t position) const {
    return *reinterpret_cast<tape::Header*>(memory_at(position));
  }
  /// A plain word of a record, read exactly once: another task of the group could change it between
  /// a check and its use.
  [[nodiscard]] std::uint64_t word_at(std::uint64_t record, std::size_t i) const {
    return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(memory_at(record)) + i,
                           __ATOMIC_RELAXED);
  }
  /// Of the next record; 0 while there is none. Moves `next_` to the beginning of the tape where
  /// the sender went on there.
  [[nodiscard]] std::uint64_t next_header() {
    const auto header = header_at(next_).load(std::memory_order_acquire);
    if (header != tape::kSkipWord) [[likely]]
      return header;
    next_ = tape::next_lap(next_, tape_size_);
    return header_at(next_).load(std::memory_order_acquire);
  }
  static bool is_sound(const Piece& piece) {
    return piece.data != nullptr && piece.length <= piece.message_length &&
           piece.message_length <= kMaxMessage.count;
  }
  [[gnu::always_inline]] void tell_released(bool more) {
    // In this order: a receiver that is killed in between leaves a message that is neither unread
    // nor counted, which `enqueued` shows, and never one that is counted twice.
    channel_->released.store(released_, std::memory_order_release);
    if (!more) counter_->store(++dequeued_, std::memory_order_release);
    // Pairs with the fence of a sender that goes to sleep for want of room.
    fence_before_looking_at(*sender_);
    if (channel_->sender_waiting.load(std::memory_order_relaxed) != 0) ring(*sender_);
  }
  [[nodiscard]] Taken take_elsewhere(std::uint64_t at, Piece& piece);
  void give_back_out_of_order(std::uint64_t cookie);

  const Arena& arena_;
  ChannelRecord* channel_;
  std::atomic<std::uint64_t>* counter_;  ///< of messages, in the channel's record
  EndpointRecord* sender_;
  std::byte* tape_;
  std::uint64_t tape_size_;

  std::uint64_t next_ = 0;      ///< the record to look at
  std::uint64_t taken_ = 0;     ///< the same, before a turn
  std::uint64_t released_ = 0;  ///< all before this position is given back
  std::uint64_t dequeued_ = 0;
  std::uint64_t records_ = 0;
  /// Records given back before an older one: from where to where.
  std::map<std::uint64_t, std::uint64_t> held_back_;
};

}  // namespace mvm::queue
