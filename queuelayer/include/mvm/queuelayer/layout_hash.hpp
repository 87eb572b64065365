// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/board_layout.hpp>

namespace mvm::queue {

/// FNV-1a.
constexpr std::uint32_t layout_hash(std::uint32_t version, std::span<const std::size_t> sizes) {
  constexpr std::uint32_t kPrime = 16777619;
  std::uint32_t hash = (2166136261u ^ version) * kPrime;
  for (const auto size : sizes) hash = (hash ^ static_cast<std::uint32_t>(size)) * kPrime;
  return hash;
}

/// Of all that lies in an arena.
inline constexpr auto kLayoutSizes = std::to_array<std::size_t>(
    {sizeof(TextRef), sizeof(ListRef), sizeof(ArenaHeader), sizeof(GroupClock),
     sizeof(EndpointRecord), sizeof(WaitRecord), sizeof(PortRecord), sizeof(SendGroupRecord),
     sizeof(ChannelRecord), sizeof(CodecRecord), sizeof(ShelfSlot), sizeof(MembershipRecord),
     sizeof(TeamRecord), sizeof(Seat), sizeof(Contribution), sizeof(SleeperLine),
     sizeof(WorkerRecord)});

/// Differs when any of them changed its size: a task built against another libmvm is refused. A
/// change that keeps the sizes needs another kLayoutVersion.
inline constexpr std::uint32_t kLayoutHash = layout_hash(kLayoutVersion, kLayoutSizes);

}  // namespace mvm::queue
