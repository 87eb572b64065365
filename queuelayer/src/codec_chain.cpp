// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/codec_chain.hpp>

#include <algorithm>
#include <utility>

#include "codecs/builtin_codecs.hpp"

namespace mvm::queue {
namespace {

std::unexpected<Error> blame(const Codec& codec, Error error) {
  error.message = text("codec '", codec.name(), "': ", error.message);
  return fail(std::move(error));
}

/// Null for what leaves the bytes alone.
Result<std::unique_ptr<Codec>> make_codec(const CodecStage& stage, GroupSecret secret,
                                          std::uint64_t channel, const PluginCodecs& plugins) {
  switch (stage.kind) {
    case CodecKind::kRaw:
    case CodecKind::kPortable:
      return nullptr;
    case CodecKind::kLz4:
      return make_lz4(stage.level);
    case CodecKind::kZstd:
      return make_zstd(stage.level);
    case CodecKind::kCrc32c:
      return make_crc32c();
    case CodecKind::kAesGcm:
      return make_aes_gcm(secret, channel);
    case CodecKind::kCustom:
      if (plugins) return plugins(stage.plugin, stage.level);
      return fail(ErrorCode::kCodec, "the codec of plugin ", stage.plugin,
                  " can be used between tasks only, because nobody else runs plugins");
  }
  return fail(ErrorCode::kCodec, "there is no codec of kind ",
              static_cast<std::uint32_t>(stage.kind));
}

}  // namespace

Result<std::unique_ptr<CodecChain>> CodecChain::make(std::span<const CodecStage> stages,
                                                     GroupSecret secret, std::uint64_t channel,
                                                     const PluginCodecs& plugins) {
  if (stages.size() > kMaxCodecs) {
    return fail(ErrorCode::kCodec, "a queue chains ", stages.size(), " codecs; at most ",
                kMaxCodecs, " are possible");
  }
  std::unique_ptr<CodecChain> chain(new CodecChain);
  for (const auto& stage : stages) {
    auto codec = make_codec(stage, secret, channel, plugins);
    if (!codec) return fail(std::move(codec.error()));
    if (*codec) chain->codecs_.push_back(std::move(*codec));
  }
  if (chain->codecs_.empty()) return nullptr;
  return chain;
}

Result<std::unique_ptr<CodecChain>> CodecChain::of(const Arena& arena, const ChannelRecord& channel,
                                                   const PluginCodecs& plugins) {
  std::vector<CodecStage> stages;
  for (const auto& record : arena.list<CodecRecord>(channel.codecs)) {
    // Checked by `make`; a number that does not fit a CodecKind must not become one that does.
    const auto kind = static_cast<CodecKind>(std::min<std::uint32_t>(record.kind, 0xff));
    stages.push_back({kind, record.level, std::string(arena.words(record.plugin))});
  }
  return make(stages, GroupSecret(arena.header().secret), channel.id, plugins);
}

Result<ConstBytes> CodecChain::encode(ConstBytes plain) {
  auto bytes = plain;
  std::size_t turn = 0;
  for (const auto& codec : codecs_) {
    const auto encoded = codec->encode(bytes, spaces_[turn++ % 2]);
    if (!encoded) return blame(*codec, encoded.error());
    if (encoded->size() > kMaxMessage.count) {
      return fail(ErrorCode::kLimit, "a message of ", plain.size(), " bytes becomes ",
                  encoded->size(), " bytes by codec '", codec->name(), "', which is over the ",
                  "limit of ", kMaxMessage.count, "; send it in parts");
    }
    bytes = *encoded;
  }
  return bytes;
}

Result<CodecChain::Decoded> CodecChain::decode(ConstBytes encoded, CodecBuffer& space,
                                               std::size_t limit) {
  // How long the output of each stage can be when the message was within the limit.
  std::array<std::size_t, kMaxCodecs> limits{};
  for (std::size_t i = 0; i < codecs_.size(); ++i) {
    limits[i] = limit;
    limit = std::min<std::size_t>(codecs_[i]->longest(limit), kMaxMessage.count);
  }
  auto bytes = encoded;
  std::size_t turn = 0;
  for (std::size_t i = codecs_.size(); i-- > 0;) {
    auto& target = spaces_[turn % 2];
    const auto decoded = codecs_[i]->decode(bytes, limits[i], target);
    if (!decoded) return blame(*codecs_[i], decoded.error());
    bytes = *decoded;
    if (target.holds(bytes)) ++turn;
  }
  if (turn == 0) return Decoded{bytes, true};
  // The result goes with its memory.
  std::swap(spaces_[(turn - 1) % 2], space);
  return Decoded{bytes, false};
}

std::string CodecChain::words() const {
  std::string words;
  for (const auto& codec : codecs_) {
    if (!words.empty()) words += ", ";
    words += codec->name();
  }
  return words;
}

bool is_portable(const Arena& arena, const ChannelRecord& channel) {
  const auto records = arena.list<CodecRecord>(channel.codecs);
  return std::ranges::any_of(records, [](const CodecRecord& record) {
    return record.kind == static_cast<std::uint32_t>(CodecKind::kPortable);
  });
}

}  // namespace mvm::queue
