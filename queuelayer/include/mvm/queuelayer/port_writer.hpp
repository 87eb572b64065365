// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/codec_chain.hpp>
#include <mvm/queuelayer/message_terms.hpp>
#include <mvm/queuelayer/queue_writer.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// A message on its way out of a port.
struct OutgoingMessage {
  const void* data = nullptr;
  std::uint64_t length = 0;
  std::uint32_t type = 0;
  MessageTerms terms;
  std::optional<std::uint64_t> key;  ///< for Spread::kHash; the bytes are the key without one
};

/// Asks a user's queue type for a message's rank. Its bytes are as they were sent, before codecs.
using PluginRank = std::function<Result<std::int64_t>(const RankedMessage&)>;

/// All queues that one sending port feeds: it chooses which of them a message goes to, as the
/// spread of each statement of the topology says. One thread at a time.
///
/// A message is sent in three steps, so that whoever sends decides how to wait: `aim`, then
/// `deliver` as soon as it is `ready`, until `deliver` says that it is done.
class PortWriter {
 public:
  /// What only tasks have: the user's own queue types and codecs, by the paths of their plugins.
  struct Plugins {
    std::function<Result<PluginRank>(const std::string& path)> rank;
    PluginCodecs codec;
  };
  /// `arena` and `heap` must outlive it. kCodec where a codec's library or a plugin is missing.
  [[nodiscard]] static Result<std::unique_ptr<PortWriter>> open(const Arena& arena,
                                                                const PortRecord& port,
                                                                SenderHeap& heap,
                                                                const Plugins& plugins);

  /// False for a port that only receives.
  [[nodiscard]] bool can_send() const { return !ends_.empty(); }

  /// True when nobody is left who could take anything sent here.
  [[nodiscard]] bool receivers_closed() const;

  /// Chooses the queues that this message goes to, and ranks and encodes it for them. Its bytes
  /// must stay until it is delivered. Errors: what a codec or plugin says; nothing is sent then.
  [[nodiscard]] Result<void> aim(const OutgoingMessage& message);
  /// True when no chosen queue would have to wait.
  [[nodiscard]] bool ready();
  /// The same, but waiting also for queues that would refuse the message by policy.
  [[nodiscard]] bool could_deliver();
  /// Group time at which these may become true by themselves; or kNever.
  [[nodiscard]] std::int64_t ready_at() const;
  /// Before waiting until it is ready, and after.
  void expect_room(bool waiting);
  /// The first chosen queue that is waited for, as the last look saw it; null when it saw none.
  [[nodiscard]] QueueWriter* awaited() const { return awaited_; }
  /// Bytes of the message as it was sent.
  [[nodiscard]] std::uint64_t length() const { return message_.length; }
  /// After `ready` said false: true when some chosen queue has room and the heap has none.
  [[nodiscard]] bool lacks_memory() const {
    return std::ranges::any_of(targets_, [](const End* target) {
      return target->writer.lacks_memory(target->bytes.size());
    });
  }
  /// Takes the memory back that receivers behind this port have given back.
  void take_back() {
    for (const auto& end : ends_) end->writer.take_back();
  }
  /// False when it may be the sender's own memory that is short, which the receivers at all of its
  /// ports give back.
  [[nodiscard]] bool has_memory_for(std::uint64_t length) const {
    return heap_.could_allocate(RingWriter::streaming_size(length));
  }

  enum class Delivered {
    kAll,       ///< every chosen queue has it, or dropped it by its policy
    kClosed,    ///< nobody is left who could take it
    kRefused,   ///< a full queue fails by policy; no queue has it
    kTryAgain,  ///< some queue lost its room; the others have it. Wait until ready, call again
  };
  /// Precondition: ready(). Queues whose receivers are gone are passed over.
  [[nodiscard]] Delivered deliver();

  /// The only queue behind the port, where loans can lie; null when there are several, or when
  /// what is sent must be encoded, or ranked by a plugin.
  [[nodiscard]] QueueWriter* sole();

  /// The only queue behind the port, if it is a ring that takes messages as they are: what goes to
  /// it need not be aimed. Null otherwise.
  [[nodiscard]] RingWriter* sole_ring() { return sole() != nullptr ? sole()->ring() : nullptr; }

  /// The end of a channel that leaves here; null for others.
  [[nodiscard]] QueueWriter* find(std::uint32_t channel) {
    const auto end = std::ranges::find_if(
        ends_, [channel](const auto& each) { return each->writer.number() == channel; });
    return end == ends_.end() ? nullptr : &(*end)->writer;
  }

  /// Nothing more will come from this port. Idempotent.
  void close();

 private:
  /// One queue and what is done to a message on its way there.
  struct End {
    End(const Arena& arena, std::uint32_t channel, SenderHeap& heap)
        : writer(arena, channel, heap, [this](const RankedMessage&) { return rank; }) {}
    [[nodiscard]] bool is_plain() const { return !codecs && !portable && !plugin; }
    QueueWriter writer;
    PluginRank plugin;                   ///< of QueueType::kCustom
    std::int64_t rank = 0;               ///< by it, of the message that is aimed at it
    std::unique_ptr<CodecChain> codecs;  ///< null: the bytes travel as they are
    bool portable = false;               ///< codecs begin with the portable form
    ConstBytes bytes;                    ///< of the message that is aimed at it
  };
  struct Group {
    Spread spread = Spread::kOneToOne;
    std::vector<End*> ends;
    std::size_t turn = 0;  ///< round-robin
  };
  PortWriter(const Arena& arena, SenderHeap& heap) : arena_(arena), heap_(heap) {}
  [[nodiscard]] Result<void> add_end(std::uint32_t channel, const Plugins& plugins);
  void choose(const OutgoingMessage& message);
  [[nodiscard]] Result<void> rank();
  [[nodiscard]] Result<void> encode();
  void take_turns();
  [[nodiscard]] SharedBlock* share();
  [[nodiscard]] Sent send(End& end, SharedBlock* block);
  [[nodiscard]] bool finds_room(bool where_refused);

  const Arena& arena_;
  SenderHeap& heap_;
  std::vector<std::unique_ptr<End>> ends_;
  std::vector<Group> groups_;
  OutgoingMessage message_;
  std::vector<std::byte> portable_form_;  ///< of the message
  std::vector<End*> targets_;             ///< of the message; those served are taken out
  bool begun_ = false;                    ///< some were served
  QueueWriter* awaited_ = nullptr;
};

}  // namespace mvm::queue
