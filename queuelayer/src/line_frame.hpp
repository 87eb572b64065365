// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// What passes over a direct line, in each direction, little endian: frames. Each begins with a
/// length and a type, `u32` each, and is a multiple of a unit long. docs/link-protocol.md has the
/// conversation.
namespace mvm::queue::line {

/// Frames begin at multiples of this, so that payloads are aligned for every fundamental type where
/// they come in.
inline constexpr std::size_t kUnit = 16;
inline constexpr std::size_t kHeaderBytes = 8;
/// A payload up to this follows its header; a longer one begins with the next unit.
inline constexpr std::size_t kShortBytes = kUnit - kHeaderBytes;

/// Types that are no message's. Both frames have a payload of a count, `u64`.
inline constexpr std::uint32_t kNews = 1u << 31;  ///< so many messages were released, in all
inline constexpr std::uint32_t kEnd = 1u << 30;   ///< so many were sent, and no more will be
inline constexpr std::size_t kCountBytes = 8;

constexpr std::size_t payload_at(std::uint64_t length) {
  return length <= kShortBytes ? kHeaderBytes : kUnit;
}
/// Zeros behind a payload.
constexpr std::size_t padding(std::uint64_t length) {
  return length <= kShortBytes ? kShortBytes - length : (kUnit - length % kUnit) % kUnit;
}
constexpr std::uint64_t frame_bytes(std::uint64_t length) {
  return payload_at(length) + length + padding(length);
}

}  // namespace mvm::queue::line
