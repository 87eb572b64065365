// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <string>

#include "task.hpp"
#include "team_member.hpp"

namespace mvm {
namespace {

using detail::Collective;
using detail::Combine;
using detail::Fold;
using detail::Given;
using detail::Taker;
using queue::Part;
using queue::Pattern;
using Bytes = std::span<const std::byte>;

/// Reductions go by chunks of this size, so that what is under way stays in a core's cache and
/// between machines no message grows with the vector.
constexpr std::size_t kChunk = 512 << 10;
/// Up to this size every member combines all contributions itself: the least latency. Above it,
/// owners combine a slice each, and the members copy the slices: the least work.
constexpr std::size_t kCombineAlone = 8 << 10;
/// So many contributions are read by every member; of more, by owners.
constexpr std::uint32_t kFewMembers = 64;
/// A slice is worth a member's attention from this size on.
constexpr std::size_t kSmallestSlice = 4 << 10;

Bytes bytes_of(Given given) {
  return {static_cast<const std::byte*>(given.data), given.size};
}

Given given_of(Bytes bytes) {
  return {bytes.data(), bytes.size()};
}

Pattern everyone_to(Part readers, std::uint32_t owners = 0) {
  return {.writers = Part::kEveryone, .readers = readers, .owners = owners};
}

[[noreturn]] void refuse_lengths(TeamMember& member, std::uint32_t other, const char* what,
                                 std::size_t its, std::size_t own) {
  const auto& board = member.board();
  throw error(member.task_name() + ": operation " + std::to_string(board.operation()) +
              " of team " + std::string(board.name()) + ": " + board.name_of(other) + " gave " +
              std::to_string(its) + " bytes" + what +
              (own == 0 ? "" : ", and this task " + std::to_string(own)) +
              "; all members must give the same length");
}

void take(TeamMember& member, const Taker& taker, std::uint32_t from, Bytes bytes) {
  if (taker.take(taker.object, from, given_of(bytes))) return;
  refuse_lengths(member, from, ", which do not make the value that this task expects", bytes.size(),
                 0);
}

/// Part of a vector that is being reduced.
struct Slice {
  std::size_t begin = 0;  ///< bytes
  std::size_t end = 0;
  [[nodiscard]] std::size_t size() const { return end - begin; }
};

/// One reduction of one chunk.
class ChunkReduction {
 public:
  ChunkReduction(TeamMember& member, queue::Call call, const Fold& fold, Bytes given,
                 std::byte* result, const std::byte* initial)
      : member_(member),
        board_(member.board()),
        call_(call),
        fold_(fold),
        given_(given),
        result_(result),
        initial_(initial) {}

  void reduce_to(Part readers) {
    const bool small = given_.size() <= kCombineAlone;
    if (small && (readers == Part::kRoot || board_.count() <= kFewMembers)) {
      combine_alone(readers);
    } else {
      combine_by_slices(readers);
    }
  }

  /// Of the members up to this one, or before it.
  void scan(bool inclusive) {
    Operation operation(
        member_, call_,
        {.writers = Part::kEveryone, .readers = Part::kEveryone, .owners = 0, .only_lower = true});
    operation.give(given_);
    operation.carry();
    const auto last = board_.index() + (inclusive ? 1 : 0);
    if (initial_ != nullptr && !given_.empty()) {
      std::memcpy(result_, initial_, given_.size());
    }
    combine(operation, {0, given_.size()}, last, initial_ != nullptr);
    operation.finish();
  }

 private:
  void combine_alone(Part readers) {
    const auto pattern = everyone_to(readers);
    Operation operation(member_, call_, pattern);
    operation.give(given_);
    operation.carry();
    if (board_.plays(readers, 0, board_.index())) {
      combine(operation, {0, given_.size()}, board_.count(), false);
    }
    operation.finish();
  }

  void combine_by_slices(Part readers) {
    const auto worth = std::max<std::size_t>(given_.size() / kSmallestSlice, 1);
    const auto owners =
        static_cast<std::uint32_t>(std::min<std::size_t>(board_.possible_owners(), worth));
    const auto rank = board_.owner_rank(board_.index());
    {
      Operation operation(member_, call_, everyone_to(Part::kOwners, owners));
      operation.give(given_);
      operation.carry();
      if (rank < owners) combine(operation, slice_of(rank, owners), board_.count(), false);
      operation.finish();
    }
    Operation operation(member_, call_,
                        {.writers = Part::kOwners, .readers = readers, .owners = owners});
    if (rank < owners) {
      const auto slice = slice_of(rank, owners);
      operation.give({result_ + slice.begin, slice.size()});
    }
    operation.carry();
    if (board_.plays(readers, 0, board_.index())) copy_slices(operation, owners);
    operation.finish();
  }

  [[nodiscard]] Slice slice_of(std::uint32_t rank, std::uint32_t owners) const {
    const auto elements = given_.size() / fold_.element_size;
    return {elements * rank / owners * fold_.element_size,
            elements * (rank + 1) / owners * fold_.element_size};
  }

  /// From the left, in the order of the members: on no account in another.
  void combine(Operation& operation, Slice slice, std::uint32_t members, bool begun) {
    for (std::uint32_t i = 0; i < members; ++i) {
      const auto other = operation.of(i);
      if (other.size() != given_.size()) {
        refuse_lengths(member_, i, "", other.size(), given_.size());
      }
      if (slice.size() == 0) continue;
      const auto* from = other.data() + slice.begin;
      if (begun) {
        fold_.apply(result_ + slice.begin, from, slice.size() / fold_.element_size, fold_.op);
      } else {
        std::memcpy(result_ + slice.begin, from, slice.size());
        begun = true;
      }
    }
  }

  void copy_slices(Operation& operation, std::uint32_t owners) {
    for (std::uint32_t i = 0; i < board_.count(); ++i) {
      const auto rank = board_.owner_rank(i);
      if (rank >= owners || i == board_.index()) continue;
      const auto bytes = operation.of(i);
      const auto slice = slice_of(rank, owners);
      if (bytes.size() != slice.size()) refuse_lengths(member_, i, "", bytes.size(), slice.size());
      if (!bytes.empty()) std::memcpy(result_ + slice.begin, bytes.data(), bytes.size());
    }
  }

  TeamMember& member_;
  queue::Board& board_;
  queue::Call call_;
  const Fold& fold_;
  Bytes given_;
  std::byte* result_;
  const std::byte* initial_;
};

/// Waits for what `pattern` lets this member read, and reads nothing.
void meet(TeamMember& member, queue::Call call, const Pattern& pattern) {
  auto& board = member.board();
  Operation operation(member, call, pattern);
  if (board.plays(pattern.writers, pattern.owners, board.index())) operation.give({});
  operation.carry();
  if (board.plays(pattern.readers, pattern.owners, board.index())) {
    for (std::uint32_t i = 1; i < board.count(); ++i) {
      const auto other = (board.index() + i) % board.count();
      if (board.reads(pattern, board.index(), other)) operation.wait_for(other);
    }
  }
  operation.finish();
}

Pattern pattern_of_gather(Collective kind) {
  switch (kind) {
    case Collective::kReduce:
    case Collective::kGather:
      return everyone_to(Part::kRoot);
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return {
          .writers = Part::kEveryone, .readers = Part::kEveryone, .owners = 0, .only_lower = true};
    default:
      return everyone_to(Part::kEveryone);
  }
}

/// Writes blocks as a contribution: see `block_for`.
void write_blocks(Operation& operation, const std::vector<Given>& blocks) {
  std::uint64_t total = blocks.size() * sizeof(std::uint64_t);
  for (const auto& block : blocks) total += block.size;
  auto* to = operation.reserve(total);
  for (const auto& block : blocks) {
    const std::uint64_t length = block.size;
    std::memcpy(to, &length, sizeof length);
    to += sizeof length;
  }
  for (const auto& block : blocks) {
    if (block.size > 0) std::memcpy(to, block.data, block.size);
    to += block.size;
  }
  operation.show();
}

}  // namespace

namespace detail {

void barrier(Team& team) {
  auto& member = TeamAccess::member(team);
  const auto call = make_call(Collective::kBarrier, Combine::kNothing, 0);
  if (member.board().count() <= kFewMembers) {
    meet(member, call, everyone_to(Part::kEveryone));
  } else {
    meet(member, call, everyone_to(Part::kOwners, 1));
    meet(member, call, {.writers = Part::kOwners, .readers = Part::kEveryone, .owners = 1});
  }
}

void broadcast(Team& team, std::uint32_t type, Given given, const Taker& taker) {
  auto& member = TeamAccess::member(team);
  auto& board = member.board();
  Operation operation(member, make_call(Collective::kBroadcast, Combine::kNothing, type),
                      {.writers = Part::kRoot, .readers = Part::kEveryone});
  const bool is_root = board.index() == board.root();
  if (is_root) operation.give(bytes_of(given));
  operation.carry();
  if (!is_root) take(member, taker, board.root(), operation.of(board.root()));
  operation.finish();
}

bool reduce(Team& team, Collective kind, std::uint32_t type, Given given, const Fold& fold,
            void* result) {
  auto& member = TeamAccess::member(team);
  const auto call = make_call(kind, fold.combine, type);
  const auto chunk = std::max<std::size_t>(kChunk / fold.element_size, 1) * fold.element_size;
  const auto all = bytes_of(given);
  auto* to = static_cast<std::byte*>(result);
  const auto* initial = static_cast<const std::byte*>(fold.initial);
  std::size_t at = 0;
  do {
    const auto size = std::min(chunk, all.size() - at);
    ChunkReduction part(member, call, fold, all.subspan(at, size), to + at,
                        initial == nullptr ? nullptr : initial + at);
    if (kind == Collective::kScan || kind == Collective::kExclusiveScan) {
      part.scan(kind == Collective::kScan);
    } else {
      part.reduce_to(kind == Collective::kReduce ? Part::kRoot : Part::kEveryone);
    }
    at += size;
  } while (at < all.size());
  return kind != Collective::kReduce || team.is_root();
}

bool gather(Team& team, Collective kind, Combine combine, std::uint32_t type, Given given,
            const Taker& taker) {
  auto& member = TeamAccess::member(team);
  auto& board = member.board();
  const auto pattern = pattern_of_gather(kind);
  Operation operation(member, make_call(kind, combine, type), pattern);
  operation.give(bytes_of(given));
  operation.carry();
  const bool reads = board.plays(pattern.readers, 0, board.index());
  for (std::uint32_t i = 0; reads && i < board.count(); ++i) {
    if (!board.reads(pattern, board.index(), i)) continue;
    if (kind == Collective::kExclusiveScan && i == board.index()) continue;
    take(member, taker, i, operation.of(i));
  }
  operation.finish();
  return reads;
}

void spread(Team& team, Collective kind, std::uint32_t type, const std::vector<Given>& blocks,
            const Taker& taker) {
  auto& member = TeamAccess::member(team);
  auto& board = member.board();
  const bool scatters = kind == Collective::kScatter;
  const bool gives = !scatters || team.is_root();
  if (gives && blocks.size() != board.count()) {
    throw error(member.task_name() + ": " + (scatters ? "scatter" : "all_to_all") + " was given " +
                std::to_string(blocks.size()) + " blocks; team " + std::string(board.name()) +
                " has " + std::to_string(board.count()) + " members, and each gets one");
  }
  const Pattern pattern{.writers = scatters ? Part::kRoot : Part::kEveryone,
                        .readers = Part::kEveryone};
  Operation operation(member, make_call(kind, Combine::kNothing, type), pattern, true);
  if (gives) write_blocks(operation, blocks);
  operation.carry();
  for (std::uint32_t i = 0; i < board.count(); ++i) {
    if (!board.plays(pattern.writers, 0, i)) continue;
    const auto block = block_for(board.index(), board.count(), operation.of(i));
    if (!block) refuse_lengths(member, i, " that are no blocks", operation.of(i).size(), 0);
    take(member, taker, i, *block);
  }
  operation.finish();
}

}  // namespace detail

std::size_t Team::index() const {
  return TeamAccess::member(*this).board().index();
}
std::size_t Team::count() const {
  return TeamAccess::member(*this).board().count();
}
std::size_t Team::root() const {
  return TeamAccess::member(*this).board().root();
}

Team& Job::everyone() {
  return JobAccess::task(*this).team(0);
}
Team& Job::team() {
  return JobAccess::task(*this).team(1);
}

}  // namespace mvm
