// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/decoder.hpp>

#include <algorithm>

#include <mvm/queuelayer/portable.hpp>

namespace mvm::queue {

Result<std::unique_ptr<Decoder>> Decoder::of(const Arena& arena, const ChannelRecord& channel,
                                             const PluginCodecs& plugins) {
  auto codecs = CodecChain::of(arena, channel, plugins);
  if (!codecs) return fail(codecs.error());
  const bool portable = is_portable(arena, channel);
  if (!*codecs && !portable) return nullptr;
  std::unique_ptr<Decoder> decoder(new Decoder());
  decoder->codecs_ = std::move(*codecs);
  decoder->portable_ = portable;
  return decoder;
}

Result<Decoder::Decoded> Decoder::decode(ConstBytes encoded, std::uint32_t type) {
  Decoded result{.bytes = encoded, .type = type, .portable = portable_, .in_place = true};
  if (codecs_) {
    const auto plain = codecs_->decode(encoded, space_);
    if (!plain) return fail(plain.error());
    result.bytes = plain->bytes;
    result.in_place = plain->in_place;
  }
  if (!portable_) return result;
  const auto native = from_portable(result.bytes, swapped_);
  if (!native) return fail(native.error());
  result.type = native->tag;
  const bool swapped = !native->bytes.empty() && native->bytes.data() == swapped_.data();
  result.bytes = native->bytes;
  if (swapped) {
    auto memory = space_.prepare(swapped_.size());
    if (!memory) return fail(memory.error());
    std::ranges::copy(swapped_, *memory);
    result.bytes = space_.first(swapped_.size());
    result.in_place = false;
  }
  return result;
}

}  // namespace mvm::queue
