// SPDX-License-Identifier: Apache-2.0
#include "link_frame.hpp"

#include <mvm/base/byte_codec.hpp>

namespace mvm::queue {

std::string encode(const LinkFrame& frame) {
  ByteWriter writer;
  writer.put(kLinkVersion);
  writer.put(frame.kind);
  writer.put(frame.machine);
  writer.put(frame.channel);
  writer.put(frame.number);
  writer.put(frame.slot_kind);
  return writer.take();
}

std::optional<LinkFrame> decode_link_frame(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.get<std::uint8_t>() != kLinkVersion) return {};
  LinkFrame frame;
  frame.kind = reader.get<LinkKind>();
  frame.machine = reader.get<std::uint32_t>();
  frame.channel = reader.get<std::uint64_t>();
  frame.number = reader.get<std::uint64_t>();
  frame.slot_kind = reader.get<std::uint32_t>();
  if (!reader.ok() || !reader.at_end() || frame.kind > LinkKind::kWindow) return {};
  return frame;
}

}  // namespace mvm::queue
