// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What queue VMs say to each other. A frame is a header of fixed size, little endian, and for
/// kData the payload as a second part. docs/link-protocol.md explains the conversation.
namespace mvm::queue {

inline constexpr std::uint8_t kLinkVersion = 1;

enum class LinkKind : std::uint8_t {
  kHello = 0,   ///< the first frame of each direction
  kData = 1,    ///< a fragment of a message of `channel`; `kind` as in a slot, `number` its length
  kAck = 2,     ///< `number` messages of `channel` were released by their receivers, in all
  kEnd = 3,     ///< the sender of `channel` will send nothing more
  kGone = 4,    ///< all receivers of `channel` on this machine are gone
  kWindow = 5,  ///< `number` payload bytes of this direction were taken in, in all
};

struct LinkFrame {
  LinkKind kind = LinkKind::kHello;
  std::uint32_t machine = 0;  ///< who says it
  std::uint64_t channel = 0;  ///< channel id
  std::uint64_t number = 0;
  std::uint32_t slot_kind = 0;
  bool operator==(const LinkFrame&) const = default;
};

[[nodiscard]] std::string encode(const LinkFrame& frame);
/// Nothing for a wrong version, kind or length.
[[nodiscard]] std::optional<LinkFrame> decode_link_frame(std::string_view bytes);

}  // namespace mvm::queue
