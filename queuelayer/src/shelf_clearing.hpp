// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <mvm/queuelayer/arena_layout.hpp>

#include "lazy_heap.hpp"
#include "shelf_store.hpp"

namespace mvm::queue {

/// Which messages a sender takes down from its shelf: what expired, what is superseded, and what
/// makes room for a newcomer. It remembers messages in the orders in which they go.
class ShelfClearing {
 public:
  /// `delays`: messages are due later than they are sent. `store` must outlive it.
  ShelfClearing(ShelfStore& store, const ChannelRecord& channel, bool delays);

  using Ref = ShelfStore::Ref;

  /// To be told of every message that is put on the shelf. Of equally urgent ones the oldest goes
  /// first; the higher `urgency`, the sooner.
  void remember(Ref ref, std::int64_t urgency, std::int64_t expires_ns);

  /// Counted as dropped if nobody has it. What the link has is marked as unwanted.
  void withdraw(Ref ref, DropCause cause);

  /// True when the clock alone makes messages go.
  [[nodiscard]] bool depends_on_time() const { return expires_ || supersedes_later_; }
  /// What went by the clock.
  void sweep(std::int64_t now_ns);
  /// When `sweep` will next find something; or kNever.
  [[nodiscard]] std::int64_t sweeps_at();

  /// QueueType::kLatest without delays: a newcomer supersedes everything that nobody received yet.
  [[nodiscard]] bool supersedes_at_once() const { return supersedes_at_once_; }
  [[nodiscard]] bool has_older() const { return !line_.empty(); }
  /// Whether a newcomer would find room where those are that it supersedes.
  [[nodiscard]] bool older_ones_make_room(std::uint64_t length);
  void take_down_older(std::uint64_t than);

  /// Overflow::kDropOldest: takes down what has to go for a newcomer. Nothing, and false, if that
  /// would not help, or if the newcomer is less urgent than all.
  [[nodiscard]] bool make_room(std::uint64_t length, std::int64_t urgency);

 private:
  struct Candidate {
    std::int64_t urgency;
    Ref ref;
  };
  struct LessUrgentFirst {
    bool operator()(const Candidate& a, const Candidate& b) const {
      return a.urgency != b.urgency ? a.urgency > b.urgency : a.ref.number < b.ref.number;
    }
  };
  struct Expiring {
    std::int64_t expires_ns;
    Ref ref;
  };
  struct ExpiresFirst {
    bool operator()(const Expiring& a, const Expiring& b) const {
      return a.expires_ns != b.expires_ns ? a.expires_ns < b.expires_ns
                                          : a.ref.number < b.ref.number;
    }
  };
  void sweep_superseded(std::int64_t now_ns);
  [[nodiscard]] bool choose_victims(std::uint64_t length, std::int64_t urgency);

  ShelfStore& store_;
  const bool drops_oldest_;
  const bool expires_;
  const bool supersedes_at_once_;
  const bool supersedes_later_;  ///< QueueType::kLatest with delays: when a message becomes due
  LazyHeap<Candidate, LessUrgentFirst> candidates_;  ///< where drops_oldest_
  LazyHeap<Expiring, ExpiresFirst> expiring_;        ///< where expires_
  std::vector<Ref> line_;                            ///< of QueueType::kLatest: by age
  std::vector<Candidate> victims_;                   ///< kept for its memory
};

}  // namespace mvm::queue
