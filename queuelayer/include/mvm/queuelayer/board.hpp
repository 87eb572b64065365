// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/board_layout.hpp>
#include <mvm/queuelayer/sender_heap.hpp>

namespace mvm::queue {

/// Members of a team, by the part that they play in an operation.
enum class Part : std::uint8_t {
  kEveryone,
  kRoot,
  kOwners,  ///< the first so many members of the team's first machine
};

/// Who contributes to an operation, and who reads that.
struct Pattern {
  Part writers = Part::kEveryone;
  Part readers = Part::kEveryone;
  std::uint32_t owners = 0;  ///< of Part::kOwners
  bool only_lower = false;   ///< a member reads only those of lower index, and itself
  bool operator==(const Pattern&) const = default;
};

/// What members call, in a word that they compare: which operation on what type of elements.
using Call = std::uint32_t;

/// A member's place at its team's board. Members meet in operations, numbered from 1, the same for
/// all of them. In each operation every member does, in this order: `begin`; `contribute`, if it is
/// a writer; `wait_for` each writer that it reads, and look at what that gives; `finish`.
///
/// One thread at a time. What a member reads stays as it is until it has finished, and a waiting
/// member looks at the other side's seat alone: an operation costs no system call while nobody
/// sleeps, and each sleeper is woken by the member that it waits for. docs/collectives.md argues
/// the orderings.
class Board {
 public:
  /// How a wait for another member ended.
  enum class Met {
    kReady,
    kGone,       ///< it ended, or gave up, without contributing
    kElsewhere,  ///< it called something else, or the same in another order
    kCorrupt,    ///< its seat holds what no member writes
  };
  static constexpr std::uint64_t kMaxContribution = (1ull << 30) - (1ull << 16);

  /// `endpoint`: this task; `membership`: position in its teams. `arena` and `heap` must outlive
  /// it. Errors: kArena when the team's tables do not hold together.
  [[nodiscard]] static Result<std::unique_ptr<Board>> open(const Arena& arena,
                                                           std::uint32_t endpoint,
                                                           std::uint32_t membership,
                                                           SenderHeap& heap);
  ~Board() { leave(); }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(machines_.size()); }
  [[nodiscard]] std::uint32_t root() const { return root_; }
  [[nodiscard]] std::uint64_t operation() const { return operation_; }
  [[nodiscard]] Call call() const { return call_; }
  [[nodiscard]] std::uint32_t machine_of(std::uint32_t member) const { return machines_[member]; }
  [[nodiscard]] std::uint32_t machine() const { return machine_; }
  [[nodiscard]] std::uint32_t leader() const { return leader_; }  ///< of this machine
  [[nodiscard]] std::span<const std::uint32_t> locals() const { return locals_; }
  /// "cell[3]", also of members elsewhere where the team is a job's.
  [[nodiscard]] std::string name_of(std::uint32_t member) const;
  [[nodiscard]] std::string_view name() const { return arena_.words(team_.name); }
  /// How many members could be owners.
  [[nodiscard]] std::uint32_t possible_owners() const { return possible_owners_; }
  /// The member's place among the possible owners.
  [[nodiscard]] std::uint32_t owner_rank(std::uint32_t member) const { return owner_rank_[member]; }

  /// True when the member plays this part.
  [[nodiscard]] bool plays(Part part, std::uint32_t owners, std::uint32_t member) const;
  [[nodiscard]] bool reads(const Pattern& pattern, std::uint32_t reader,
                           std::uint32_t writer) const {
    return plays(pattern.readers, pattern.owners, reader) &&
           plays(pattern.writers, pattern.owners, writer) &&
           (!pattern.only_lower || writer <= reader);
  }

  /// Starts the next operation.
  void begin(Call call, const Pattern& pattern);

  /// Memory for this member's contribution, 64-byte aligned. Waits until nobody reads any more what
  /// lay there. Null when the heap has no room for `length` bytes.
  [[nodiscard]] std::byte* reserve(std::uint64_t length);
  /// Shows what was written to the reserved memory to the others.
  void publish();
  /// What this member itself reads as its contribution, without showing it to anybody.
  void keep(std::span<const std::byte> bytes) { kept_ = bytes; }

  /// On a leader: fills the seat of a member elsewhere, which called `call` and before it
  /// `previous`. As `reserve`; `publish_for` shows it.
  [[nodiscard]] std::byte* reserve_for(std::uint32_t member, std::uint64_t length);
  void publish_for(std::uint32_t member, Call call, Call previous);

  /// Waits until that writer has contributed to this operation.
  [[nodiscard]] Met wait_for(std::uint32_t member);
  /// Its contribution; after `wait_for` or `keep` alone.
  [[nodiscard]] std::span<const std::byte> contribution(std::uint32_t member) const;
  [[nodiscard]] Call call_of(std::uint32_t member) const;
  [[nodiscard]] Call previous_call_of(std::uint32_t member) const;

  /// This member needs nothing of the operation any more.
  void finish();

  /// This member does not take part any more: whoever waits for it is told. Idempotent.
  void leave();

  /// The member because of which a wait ended as it did, what it called, and what this one did.
  struct Culprit {
    std::uint32_t member = 0;
    bool knows_calls = false;
    Call its_call = 0;
    Call own_call = 0;
    std::uint64_t operation = 0;
  };
  [[nodiscard]] const Culprit& culprit() const { return culprit_; }

 private:
  /// What this process put into a contribution of a seat, and must leave there until all who read
  /// it have finished.
  struct Shown {
    std::uint64_t operation = 0;
    Pattern pattern;
    struct Block {
      Offset at;
      std::uint64_t length;
    };
    std::vector<Block> blocks;
  };

  Board(const Arena& arena, EndpointRecord& endpoint, const TeamRecord& team, SenderHeap& heap);
  [[nodiscard]] bool adopt(std::uint32_t membership, std::uint32_t index);
  void find_owners();

  [[nodiscard]] Contribution& current(std::uint32_t member) const {
    return seats_[member].contributions[operation_ & 1];
  }
  [[nodiscard]] std::atomic<std::uint32_t>& awaits(std::uint32_t member) const {
    return sleepers_[member / kSleepersInLine].awaits[member % kSleepersInLine];
  }
  [[nodiscard]] EndpointRecord& endpoint_of(std::uint32_t member) const {
    return arena_.endpoint(endpoints_[member]);
  }
  [[nodiscard]] bool is_local(std::uint32_t member) const { return machines_[member] == machine_; }
  [[nodiscard]] bool has_arrived(std::uint32_t member) const {
    return current(member).operation.load(std::memory_order_acquire) == operation_;
  }
  [[nodiscard]] bool is_gone(std::uint32_t member) const;
  [[nodiscard]] bool will_not_come(std::uint32_t member) const;
  [[nodiscard]] bool looks_at(const Pattern& pattern, std::uint32_t reader) const;
  [[nodiscard]] bool needs(std::uint32_t member, std::uint32_t wanted) const;
  [[nodiscard]] bool needs_only(std::uint32_t wanted) const;
  [[nodiscard]] std::optional<std::uint32_t> missing(std::uint32_t wanted, bool without_hope);

  void clear(Shown& shown);
  void wait_until_finished(std::uint32_t member, std::uint64_t operation);
  [[nodiscard]] std::byte* take_memory(Contribution& contribution, Shown& shown,
                                       std::uint64_t length);
  void show(Contribution& contribution, Call call, Call previous);
  void wake(std::uint32_t awaited) const;
  void wake_disappointed() const;
  void ring_all() const;
  template <typename Done>
  [[nodiscard]] bool wait_awake(Done&& done) const;
  template <typename Done>
  void sleep_until(std::uint32_t awaited, WaitKind kind, Done&& done);
  [[nodiscard]] Met judge(std::uint32_t member);
  [[nodiscard]] Met judge_call(std::uint32_t member);
  [[nodiscard]] Met judge_absence(std::uint32_t member);

  const Arena& arena_;
  SenderHeap& heap_;
  EndpointRecord& endpoint_;
  const TeamRecord& team_;
  Seat* seats_ = nullptr;
  SleeperLine* sleepers_ = nullptr;
  std::uint32_t membership_ = 0;
  std::uint32_t index_ = 0;
  std::uint32_t root_ = 0;
  std::uint32_t machine_ = 0;
  std::uint32_t leader_ = 0;
  // By member, and copied, because what lies in shared memory may change.
  std::vector<std::uint32_t> machines_;
  std::vector<std::uint32_t> endpoints_;
  std::vector<std::uint32_t> owner_rank_;  ///< its place among the possible owners
  std::vector<std::uint64_t> seen_at_;     ///< the last operation in which it was seen
  std::uint32_t possible_owners_ = 0;
  std::vector<std::uint32_t> locals_;
  bool waiters_fence_ = false;  ///< for those who wake them, all of the locals
  bool several_machines_ = false;

  std::uint64_t operation_ = 0;
  Call call_ = 0;
  Call previous_call_ = 0;
  Pattern pattern_;
  std::uint64_t settled_ = 0;  ///< every local member is known to have finished this operation
  std::size_t seen_ = 0;       ///< local members seen in the current operation, without itself
  std::uint32_t stir_ = 0;     ///< of the choice of whom to sleep for
  Shown own_[2];
  Shown filled_[2];
  std::optional<std::span<const std::byte>> kept_;  ///< what it reads of itself
  Culprit culprit_;
  bool left_ = true;  ///< until it has found its place
};

}  // namespace mvm::queue
