// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
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

/// All queues that one sending port feeds: it chooses which of them a message goes to, as the
/// spread of each statement of the topology says. One thread at a time.
///
/// A message is sent in three steps, so that whoever sends decides how to wait: `aim`, then
/// `deliver` as soon as it is `ready`, until `deliver` says that it is done.
class PortWriter {
 public:
  /// `rank_of` gives the rule of a custom queue type by the path of its plugin.
  using RankLoader = std::function<RankRule(std::string_view path)>;
  /// `arena` and `heap` must outlive it.
  PortWriter(const Arena& arena, const PortRecord& port, SenderHeap& heap,
             const RankLoader& rank_of = {});

  /// False for a port that only receives.
  [[nodiscard]] bool can_send() const { return !writers_.empty(); }

  /// Chooses the queues that this message goes to. Its bytes must stay until it is delivered.
  void aim(const OutgoingMessage& message);
  /// True when no chosen queue would have to wait.
  [[nodiscard]] bool ready();
  /// Group time at which `ready` may become true by itself; or kNever.
  [[nodiscard]] std::int64_t ready_at() const;
  /// Before waiting until it is ready, and after.
  void expect_room(bool waiting);
  /// The first chosen queue that is not ready, as `ready` last saw it; null when it saw none.
  [[nodiscard]] QueueWriter* awaited() const { return awaited_; }

  enum class Delivered {
    kAll,       ///< every chosen queue has it, or dropped it by its policy
    kClosed,    ///< nobody is left who could take it
    kRefused,   ///< a full queue fails by policy; no queue has it
    kTryAgain,  ///< some queue lost its room; the others have it. Wait until ready, call again
  };
  /// Precondition: ready(). Queues whose receivers are gone are passed over.
  [[nodiscard]] Delivered deliver();

  /// The only queue behind the port, where loans can lie; null when there are several.
  [[nodiscard]] QueueWriter* sole() const {
    return writers_.size() == 1 ? writers_.front().get() : nullptr;
  }
  [[nodiscard]] const std::vector<std::unique_ptr<QueueWriter>>& writers() const {
    return writers_;
  }

  /// Nothing more will come from this port. Idempotent.
  void close();

 private:
  struct Group {
    Spread spread = Spread::kOneToOne;
    std::vector<QueueWriter*> writers;
    std::size_t turn = 0;  ///< round-robin
  };
  void take_turns();
  [[nodiscard]] SharedBlock* share();

  const Arena& arena_;
  SenderHeap& heap_;
  std::vector<std::unique_ptr<QueueWriter>> writers_;
  std::vector<Group> groups_;
  OutgoingMessage message_;
  std::vector<QueueWriter*> targets_;  ///< of the message; those served are taken out
  QueueWriter* awaited_ = nullptr;
};

}  // namespace mvm::queue
