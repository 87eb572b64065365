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
  bool more = false;  ///< the message goes on in the next fragment
};

/// The receiving end of a FIFO channel. One thread at a time. Where receivers compete, each has a
/// reader of its own, and a message is one fragment.
class RingReader {
 public:
  /// `self` is the receiving endpoint's number. `relay`: it takes for receivers of other machines,
  /// whose messages are counted there. `arena` must outlive it.
  RingReader(const Arena& arena, std::uint32_t channel, std::uint32_t self, bool relay = false);

  /// True when a fragment can be taken. Where receivers compete, another may be quicker.
  [[nodiscard]] bool available() {
    if (many_receivers_) return find_published();
    return slot_of(next_).stamp.load(std::memory_order_acquire) == stamp_published(next_);
  }
  /// True when everything was taken and nothing more will come.
  [[nodiscard]] bool ended() {
    // The flag first: whatever was sent before it was raised is visible to the look that follows.
    return channel_->sender_closed.load(std::memory_order_acquire) != 0 && !available();
  }

  enum class Taken { kPiece, kNothing, kCorrupt };
  /// Takes the next fragment. kCorrupt: another task overwrote the slot; the channel is beyond use.
  [[nodiscard]] Taken take(Piece& piece);

  /// Gives a taken fragment's memory back to the sender; in any order.
  void give_back(std::uint64_t number, bool more) {
    if (many_receivers_) {
      slot_of(number).stamp.store(stamp_given_back(number), std::memory_order_release);
      counter_->fetch_add(1, std::memory_order_relaxed);
    } else {
      if (number == released_ && held_back_ == 0) {
        ++released_;
      } else {
        give_back_out_of_order(number);
      }
      if (!more) counter_->store(++dequeued_, std::memory_order_relaxed);
      channel_->released.store(released_, std::memory_order_release);
    }
    // Pairs with the fence of a sender that goes to sleep for want of room.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (channel_->sender_waiting.load(std::memory_order_relaxed) != 0) ring(*sender_);
  }

  /// Nobody will take anything more: the sender sees its queue closed. Where receivers compete this
  /// is said by the queue VM, after the last of them.
  void close();

  [[nodiscard]] const ChannelRecord& channel() const { return *channel_; }
  [[nodiscard]] bool many_receivers() const { return many_receivers_; }

 private:
  [[nodiscard]] Slot& slot_of(std::uint64_t n) const { return slots_[n & (slot_count_ - 1)]; }
  [[nodiscard]] bool find_published();
  void give_back_out_of_order(std::uint64_t number);

  const Arena& arena_;
  ChannelRecord* channel_;
  std::atomic<std::uint64_t>* counter_;  ///< of messages, in the channel's record
  EndpointRecord* sender_;
  Slot* slots_;
  std::uint64_t slot_count_;
  bool many_receivers_;
  std::uint32_t self_;

  std::uint64_t next_ = 0;      ///< the fragment to look at
  std::uint64_t released_ = 0;  ///< all before it are given back (one receiver)
  std::uint64_t dequeued_ = 0;
  std::uint64_t held_back_ = 0;  ///< fragments given back before an older one
  std::vector<bool> early_;      ///< which, by slot; sized at the first use
};

}  // namespace mvm::queue
