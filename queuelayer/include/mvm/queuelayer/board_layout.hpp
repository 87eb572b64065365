// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <mvm/queuelayer/arena_layout.hpp>

/// The boards of an arena: where the tasks of a team meet for collective operations. A board has a
/// seat for each member, on whatever machine it runs; the seats of members elsewhere are filled by
/// this machine's leader, the local member of lowest index. docs/collectives.md has the protocol.
namespace mvm::queue {

inline constexpr std::size_t kSeatBytes = 40;

/// What a member contributes to one operation. One cache line, so that a small contribution crosses
/// between two cores in one transfer.
struct alignas(kLine) Contribution {
  union {
    std::byte inline_bytes[kSeatBytes];  ///< up to kSeatBytes
    Offset at;                           ///< else in the heap of whoever fills the seat
  };
  std::uint32_t call;                    ///< what the member called; see Call
  std::uint32_t previous_call;           ///< and what it called before
  std::uint64_t length;                  ///< bytes
  std::atomic<std::uint64_t> operation;  ///< number of the operation, from 1; written last
};
static_assert(sizeof(Contribution) == kLine);

inline constexpr std::uint32_t kRememberedCalls = 8;

/// One member's place. Operations alternate between the two contributions. Aligned to two lines,
/// because processors fetch lines in pairs.
struct alignas(2 * kLine) Seat {
  Contribution contributions[2];
  alignas(2 * kLine) std::atomic<std::uint64_t> finished;  ///< operations it needs no more
  std::atomic<std::uint32_t> gone;                         ///< 1: it will not come any more
  /// Its last calls, by operation % kRememberedCalls: for those whom it kept waiting in vain.
  std::atomic<std::uint32_t> calls[kRememberedCalls];
};

/// What sleeping members wait for, so that only those are woken whom it concerns. Packed: awake
/// members look through all of them, and nobody writes here who does not sleep.
inline constexpr std::uint32_t kSleepersInLine = kLine / sizeof(std::uint32_t);
struct alignas(kLine) SleeperLine {
  /// 0, or 1 + member, for its contribution, or kAwaitsFinish + member, for its having finished.
  std::atomic<std::uint32_t> awaits[kSleepersInLine];
};
inline constexpr std::uint32_t kAwaitsFinish = 1u << 31;
inline constexpr std::uint32_t sleeper_lines(std::size_t members) {
  return static_cast<std::uint32_t>((members + kSleepersInLine - 1) / kSleepersInLine);
}

struct TeamRecord {
  TextRef name;        ///< the job's, or "everyone"
  ListRef endpoints;   ///< of std::uint32_t, by member; the link's for members elsewhere
  ListRef machines;    ///< of std::uint32_t, by member
  Offset seats;        ///< Seat, by member
  Offset sleepers;     ///< SleeperLine, kSleepersInLine members in each
  std::uint32_t root;  ///< member
  std::uint32_t unused;
};

}  // namespace mvm::queue
