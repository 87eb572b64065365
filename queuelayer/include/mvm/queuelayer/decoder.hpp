// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/codec_chain.hpp>

namespace mvm::queue {

/// What the receiving end of a channel does to the bytes of a message: its codecs backwards, and
/// the portable form undone. One thread at a time.
class Decoder {
 public:
  /// Null where messages are received as they travel. `plugins` may be empty where users' codecs
  /// are not run. kCodec where a codec's library or plugin is missing.
  [[nodiscard]] static Result<std::unique_ptr<Decoder>> of(const Arena& arena,
                                                           const ChannelRecord& channel,
                                                           const PluginCodecs& plugins);

  struct Decoded {
    ConstBytes bytes;
    std::uint32_t type = 0;
    bool portable = false;  ///< the elements may be converted to another size
    bool in_place = false;  ///< inside the encoded bytes; else in `memory`
  };
  /// Valid until the next call. Errors: kCodec, kLimit, kProtocol for bytes that no such encoder
  /// made.
  [[nodiscard]] Result<Decoded> decode(ConstBytes encoded, std::uint32_t type);

  /// The memory of what was decoded last, to be given to std::free. Precondition: not in place.
  [[nodiscard]] std::byte* take_memory() { return space_.release(); }

 private:
  Decoder() = default;

  std::unique_ptr<CodecChain> codecs_;
  bool portable_ = false;
  CodecBuffer space_;
  std::vector<std::byte> swapped_;
};

}  // namespace mvm::queue
