// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/message_terms.hpp>
#include <mvm/queuelayer/sender_heap.hpp>

namespace mvm::queue {

/// What a custom queue type is told about a message when it is sent.
struct RankedMessage {
  std::uint64_t number;
  const void* data;
  std::uint64_t length;
  std::uint32_t type;
  std::uint32_t priority;
  std::int64_t now_ns;
  std::int64_t deadline_ns;
};
/// Its rank: the lowest is received first.
using RankRule = std::function<std::int64_t(const RankedMessage&)>;

/// The sending end of a channel of kind kShelf: every type but plain FIFO, and every policy that
/// drops or delays. One thread at a time; everything but what others must see lies in this object.
///
/// The sender puts a message into any free slot, stamps it `published`, and announces the slot. A
/// receiver takes it by a compare-exchange of the stamp to its own; the sender takes one down (to
/// make room) by a compare-exchange to `given back`: so each message has exactly one fate, whoever
/// dies when. docs/arena-layout.md argues the protocol.
class ShelfWriter {
 public:
  /// `arena`, `heap` must outlive it. `rank` is for QueueType::kCustom only.
  ShelfWriter(const Arena& arena, std::uint32_t channel, SenderHeap& heap, RankRule rank = {});
  ~ShelfWriter();
  ShelfWriter(const ShelfWriter&) = delete;
  ShelfWriter& operator=(const ShelfWriter&) = delete;

  /// True when nobody will ever take another message.
  [[nodiscard]] bool receiver_closed() const;
  /// True when `send` would not have to wait: there is room, room can be made by dropping what the
  /// policy allows (expired ones; the oldest; the newcomer itself), or the policy refuses at once.
  [[nodiscard]] bool ready(std::uint64_t length);
  /// Overflow::kFail: true when `send` would refuse.
  [[nodiscard]] bool refuses(std::uint64_t length);
  /// Group time at which `ready` may become true by itself, because a message expires; or kNever.
  [[nodiscard]] std::int64_t ready_at() const;

  /// Sends one message as the policies say: emulated loss, bandwidth, latency, jitter, rate, time
  /// to live, overflow. Loss and jitter come from a generator seeded by the channel's seed and id.
  [[nodiscard]] Sent send(const void* data, std::uint64_t length, std::uint32_t type,
                          const MessageTerms& terms);
  /// The same for bytes that lie in the heap already: no copy. Takes one hold of `block` if the
  /// message is kept. The block is freed, and deleted, when its last hold is given back.
  [[nodiscard]] Sent send_shared(SharedBlock& block, std::uint32_t type, const MessageTerms& terms);

  /// Memory for one message, counted against the capacity at once; null when there is none now.
  /// Precondition: ready(length). A loan that cannot be kept when it is sent is dropped and
  /// counted.
  [[nodiscard]] std::byte* reserve(std::uint64_t length);
  [[nodiscard]] Sent send_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type,
                                   const MessageTerms& terms);
  void cancel(std::byte* memory, std::uint64_t length);

  /// For the link, at the receiver's machine: a message that the sender's machine has judged. Only
  /// its times and rank apply; the capacity is the sender's to keep. kTryAgain when out of slots.
  struct Arrival {
    std::uint64_t remote_number = 0;  ///< at the sender's machine
    std::int64_t rank = 0;
    std::int64_t due_ns = 0;
    std::int64_t expires_ns = kNever;
    MessageTerms terms;
  };
  [[nodiscard]] Sent put_arrived(const void* data, std::uint64_t length, std::uint32_t type,
                                 const Arrival& arrival);
  /// The same for memory from `reserve_arrived`: how a large message arrives piece by piece.
  [[nodiscard]] std::byte* reserve_arrived(std::uint64_t length);
  void put_arrived_reserved(std::byte* memory, std::uint64_t length, std::uint32_t type,
                            const Arrival& arrival);
  void cancel_arrived(std::byte* memory, std::uint64_t length);
  /// The sender no longer wants a message: takes it down if no receiver has it yet.
  void drop_arrived(std::uint64_t remote_number);
  struct Done {
    std::uint64_t remote_number = 0;
    bool received = false;  ///< else it was dropped, or lost with the task that had taken it
  };
  /// Messages that are done here since the last call, each exactly once.
  [[nodiscard]] std::vector<Done> take_done();
  /// True when `take_done` would give some. Does not change anything that others see.
  [[nodiscard]] bool has_done();

  /// Nothing more will come. Idempotent.
  void close();
  /// While set, receivers ring this endpoint when they give something back.
  void expect_room(bool waiting);

  /// True when the queue has room and the heap has none, as far as this end knows.
  [[nodiscard]] bool lacks_memory(std::uint64_t length) const;
  /// Takes the memory back that receivers have given back, or that holds what has expired; what
  /// else does, does it when it has to.
  void take_back();

  /// ChannelRecord::released as this end last saw it.
  [[nodiscard]] std::uint64_t seen_released() const;

  [[nodiscard]] const ChannelRecord& channel() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
