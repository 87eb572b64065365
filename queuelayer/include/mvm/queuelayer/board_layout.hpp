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

/// What a member contributes to one operation.
struct alignas(kLine) Contribution {
  std::atomic<std::uint64_t> operation;  ///< number of the operation, from 1; written last
  std::uint64_t length;                  ///< bytes
  union {
    std::byte inline_bytes[kSeatBytes];  ///< up to kSeatBytes
    Offset at;                           ///< else in the heap of whoever fills the seat
  };
};

/// One member's place. Operations alternate between the two contributions.
struct alignas(kLine) Seat {
  Contribution contributions[2];
  alignas(kLine) std::atomic<std::uint64_t> finished;  ///< operations this member needs no more
  std::atomic<std::uint32_t> gone;                     ///< 1: it ended, and will not come
};

struct TeamRecord {
  TextRef name;        ///< the job's, or "everyone"
  ListRef endpoints;   ///< of std::uint32_t, by member; the link's for members elsewhere
  ListRef machines;    ///< of std::uint32_t, by member
  Offset seats;        ///< Seat, by member
  std::uint32_t root;  ///< member
  std::uint32_t unused;
};

}  // namespace mvm::queue
