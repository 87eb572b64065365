// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {

/// A message or a fragment of one, seen where it lies. Valid until it is given back.
struct Piece {
  const std::byte* data = nullptr;
  std::uint64_t length = 0;
  std::uint64_t message_length = 0;  ///< of the whole message
  std::uint64_t number = 0;          ///< fragment number, for `give_back`
  std::uint32_t type = 0;
  std::uint32_t slot = 0;  ///< on a shelf, for `give_back`
  std::uint32_t priority = 0;
  bool more = false;  ///< the message goes on in the next fragment
  bool late = false;  ///< its deadline had passed when it was taken
};

/// What looking into a queue found.
enum class Taken {
  kPiece,
  kNothing,
  kCorrupt,  ///< another task overwrote the queue; it is beyond use
};

/// The receiving end of a channel of kind kRing. One thread at a time.
class RingReader {
 public:
  /// `relay`: it takes for a receiver of another machine, whose messages are counted there. `arena`
  /// must outlive it.
  explicit RingReader(const Arena& arena, std::uint32_t channel, bool relay = false);

  /// True when a fragment can be taken.
  [[nodiscard]] bool available() {
    return slot_of(next_).stamp.load(std::memory_order_acquire) == stamp_published(next_);
  }
  /// True when everything was taken and nothing more will come.
  [[nodiscard]] bool ended() {
    // The flag first: whatever was sent before it was raised is visible to the look that follows.
    return channel_->sender_closed.load(std::memory_order_acquire) != 0 && !available();
  }

  /// Takes the next fragment.
  [[nodiscard]] Taken take(Piece& piece);

  /// Gives a taken fragment's memory back to the sender; in any order.
  void give_back(std::uint64_t number, bool more) {
    if (number == released_ && held_back_ == 0) {
      ++released_;
    } else {
      give_back_out_of_order(number);
    }
    // In this order: a receiver that is killed in between leaves a message that is neither unread
    // nor counted, which `enqueued` shows, and never one that is counted twice.
    channel_->released.store(released_, std::memory_order_release);
    if (!more) counter_->store(++dequeued_, std::memory_order_release);
    // Pairs with the fence of a sender that goes to sleep for want of room.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (channel_->sender_waiting.load(std::memory_order_relaxed) != 0) ring(*sender_);
  }

  /// Nobody will take anything more: the sender sees its queue closed.
  void close();

  /// Fragments taken so far.
  [[nodiscard]] std::uint64_t taken() const { return next_; }

  [[nodiscard]] const ChannelRecord& channel() const { return *channel_; }

 private:
  [[nodiscard]] Slot& slot_of(std::uint64_t n) const { return slots_[n & (slot_count_ - 1)]; }
  void give_back_out_of_order(std::uint64_t number);

  const Arena& arena_;
  ChannelRecord* channel_;
  std::atomic<std::uint64_t>* counter_;  ///< of messages, in the channel's record
  EndpointRecord* sender_;
  Slot* slots_;
  std::uint64_t slot_count_;

  std::uint64_t next_ = 0;      ///< the fragment to look at
  std::uint64_t released_ = 0;  ///< all before it are given back
  std::uint64_t dequeued_ = 0;
  std::uint64_t held_back_ = 0;  ///< fragments given back before an older one
  std::vector<bool> early_;      ///< which, by slot; sized at the first use
};

}  // namespace mvm::queue
