// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/codec.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// What a stage of a chain is: a CodecSpec with its plugin's path.
struct CodecStage {
  CodecKind kind = CodecKind::kRaw;
  std::int32_t level = 0;
  std::string plugin;  ///< of kCustom: path of the shared object
};

/// Makes the codec of a user's plugin. Only tasks have one: a queue VM never runs users' code.
using PluginCodecs =
    std::function<Result<std::unique_ptr<Codec>>(const std::string& path, std::int32_t level)>;

/// See ArenaHeader::secret. All zero: the group has none.
using GroupSecret = std::span<const unsigned char, sizeof ArenaHeader::secret>;

/// Everything that a queue does to a message's bytes, in order: the encoder at the sender, the
/// decoder at the receiver. A sender and a receiver have one each, made from the same records. A
/// chain serves one thread at a time.
class CodecChain {
 public:
  /// The chain of a channel; null, without error, where the bytes travel as they are: codecs `raw`
  /// and `portable` (see `is_portable`) do nothing to them. Errors: kCodec for a library or plugin
  /// that is missing, or for a plugin where `plugins` is empty.
  [[nodiscard]] static Result<std::unique_ptr<CodecChain>> of(const Arena& arena,
                                                              const ChannelRecord& channel,
                                                              const PluginCodecs& plugins);
  [[nodiscard]] static Result<std::unique_ptr<CodecChain>> make(std::span<const CodecStage> stages,
                                                                GroupSecret secret,
                                                                std::uint64_t channel,
                                                                const PluginCodecs& plugins);

  /// The encoded form; valid until the next call. Errors: kLimit when it is over kMaxMessage, which
  /// can be for plain bytes that are at most 28 bytes per codec shorter; what a plugin says.
  [[nodiscard]] Result<ConstBytes> encode(ConstBytes plain);

  /// Where a decoded message lies.
  struct Decoded {
    ConstBytes bytes;
    bool in_place = false;  ///< the beginning of `encoded`; else that of `space`
  };
  /// The plain form. Whatever the bytes are, it is what some sender encoded, as far as the codecs
  /// can tell, or an error: kCodec for what is corrupt, kLimit for what is over `limit`. It never
  /// takes more memory than a few times what really is decoded. `space` may be used for the next
  /// message, or its memory handed on by `CodecBuffer::release`.
  [[nodiscard]] Result<Decoded> decode(ConstBytes encoded, CodecBuffer& space,
                                       std::size_t limit = kMaxMessage.count);

  /// "lz4, aes-gcm": in the order of encoding, for messages to people.
  [[nodiscard]] std::string words() const;

 private:
  CodecChain() = default;

  std::vector<std::unique_ptr<Codec>> codecs_;
  std::array<CodecBuffer, 2> spaces_;  ///< one is read while the other is written
};

/// True when the channel's codecs begin with `portable`, which is done by the SDK's types.
[[nodiscard]] bool is_portable(const Arena& arena, const ChannelRecord& channel);

}  // namespace mvm::queue
