// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// A parcel is what two machines hand to each other in one go: a head, which is copied, and perhaps
/// a tail, which lies in a queue. The head begins with the fields below, little endian, and goes on
/// with frames (link_frame.hpp). docs/link-protocol.md explains the conversation.
namespace mvm::queue {

inline constexpr std::uint8_t kLinkVersion = 2;

/// No message is delayed by a large one of another channel for longer than a network takes for so
/// much of it.
inline constexpr std::size_t kFragmentBytes = 64 << 10;
/// A large message goes in pieces, each in a parcel, between those of other channels. They are
/// smaller than a fragment, because the line in the network is to be shorter than one.
inline constexpr std::size_t kPieceBytes = kFragmentBytes / 4;
/// Nobody sends longer parts than these.
inline constexpr std::size_t kLargestParcelHead = 64 << 10;
inline constexpr std::size_t kLargestParcelTail = kFragmentBytes;

/// Flags of a parcel.
inline constexpr std::uint8_t kAnswerNow = 1;  ///< its receiver is to acknowledge it at once
inline constexpr std::uint8_t kGap = 2;  ///< parcels after `received` are missing; send them again
inline constexpr std::uint8_t kParcelFlags = kAnswerNow | kGap;

/// Nobody's clock tells more: 146 years. Sums and differences of such times are numbers still.
inline constexpr std::int64_t kLatestNs = std::int64_t{1} << 62;

struct ParcelHead {
  std::uint8_t flags = 0;
  std::uint32_t from = 0;      ///< machine
  std::uint32_t to = 0;        ///< machine
  std::uint64_t sequence = 0;  ///< of this parcel; without frames, of the next one that has some
  std::uint64_t received = 0;  ///< all of the other direction before this one have arrived
  std::uint32_t pass = 0;      ///< how often the sender has gone back to send again
  std::uint32_t gap_pass = 0;  ///< with kGap: the pass in which the gap was seen
  std::int64_t sent_ns = 0;    ///< group time of the sender's machine; 0 to kLatestNs
  std::uint32_t tail_length = 0;
  bool operator==(const ParcelHead&) const = default;
};

inline constexpr std::size_t kParcelHeadBytes = 50;

/// A number that tells groups apart, mixed into every checksum.
[[nodiscard]] std::uint64_t group_key(std::string_view group);

/// Writes the fields, and the checksum of all of `head`, over its first kParcelHeadBytes.
void seal_parcel(std::string& head, const ParcelHead& fields, std::uint64_t key);

/// Nothing for what is no parcel of this version, of this group, or was damaged.
[[nodiscard]] std::optional<ParcelHead> open_parcel(std::string_view head, std::size_t tail_length,
                                                    std::uint64_t key);

}  // namespace mvm::queue
