// SPDX-License-Identifier: GPL-3.0-or-later
#include "codec_words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include <mvm/base/text.hpp>

#include "queue_rule_reader.hpp"
#include "wording.hpp"
#include "xml_element.hpp"

namespace mvm::model {
namespace {

using queue::CodecKind;

constexpr std::array kBuiltIn{CodecKind::kRaw,  CodecKind::kPortable, CodecKind::kLz4,
                              CodecKind::kZstd, CodecKind::kCrc32c,   CodecKind::kAesGcm};

/// 0 for codecs that have no levels. What a plugin's level means is its own affair.
std::int32_t highest_level(CodecKind kind) {
  if (kind == CodecKind::kCustom) return std::numeric_limits<std::int32_t>::max();
  if (kind == CodecKind::kZstd) return kMaxZstdLevel;
  return kind == CodecKind::kLz4 ? kMaxLz4Level : 0;
}

bool compresses(const CodecWord& codec) {
  return codec.kind == CodecKind::kLz4 || codec.kind == CodecKind::kZstd;
}

std::optional<CodecWord> find_codec(std::string_view name, const PluginNames& plugins) {
  for (const auto kind : kBuiltIn) {
    if (queue::to_string(kind) == name) return CodecWord{kind, 0, {}};
  }
  if (!plugins.codecs.contains(std::string(name))) return {};
  return CodecWord{CodecKind::kCustom, 0, std::string(name)};
}

std::vector<std::string> known_names(const PluginNames& plugins) {
  std::vector<std::string> names;
  for (const auto kind : kBuiltIn) names.emplace_back(queue::to_string(kind));
  names.insert(names.end(), plugins.codecs.begin(), plugins.codecs.end());
  return names;
}

/// "3)" behind the opening parenthesis, as a level of `codec`.
std::expected<void, std::string> take_level(std::string_view words, CodecWord& codec) {
  const auto most = highest_level(codec.kind);
  if (most == 0) return std::unexpected(text("gives ", shown(codec), " a level, but it has none"));
  const auto* end = words.data() + words.size();
  const auto [stop, error] = std::from_chars(words.data(), end, codec.level);
  const bool closed = error == std::errc() && stop + 1 == end && *stop == ')';
  if (closed && codec.level >= 1 && codec.level <= most) return {};
  codec.level = 0;
  return std::unexpected(
      text("gives ", shown(codec), " a level that is not a whole number from 1 to ", most));
}

std::expected<CodecWord, std::string> parse_codec(std::string_view word,
                                                  const PluginNames& plugins) {
  const auto open = std::min(word.find('('), word.size());
  const auto name = word.substr(0, open);
  auto codec = find_codec(name, plugins);
  if (!codec) {
    return std::unexpected(text("holds '", excerpt(name), "', which is not a codec",
                                meant_or_allowed(name, known_names(plugins))));
  }
  if (open < word.size()) {
    if (auto taken = take_level(word.substr(open + 1), *codec); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  return *std::move(codec);
}

/// What is useless or impossible about the order of a chain; empty when nothing is.
std::string misfit(const std::vector<CodecWord>& chain) {
  const auto is = [](CodecKind kind) {
    return [kind](const CodecWord& codec) { return codec.kind == kind; };
  };
  if (chain.size() > queue::kMaxCodecs) {
    return text("chains ", chain.size(), " codecs; at most ", queue::kMaxCodecs, " are possible");
  }
  if (chain.size() > 1 && std::ranges::any_of(chain, is(CodecKind::kRaw))) {
    return "holds raw beside others; raw means no codec, and stands alone";
  }
  for (auto codec = chain.begin(); codec != chain.end(); ++codec) {
    if (codec->kind == CodecKind::kPortable && codec != chain.begin()) {
      return "holds portable behind another codec; it writes values, not bytes, and stands first";
    }
    const auto same = [&](const CodecWord& other) {
      return other.kind == codec->kind && other.plugin == codec->plugin;
    };
    if (std::any_of(chain.begin(), codec, same)) {
      return text("holds ", shown(*codec), " twice; once is enough");
    }
  }
  const auto cipher = std::ranges::find_if(chain, is(CodecKind::kAesGcm));
  const auto late = std::find_if(cipher, chain.end(), compresses);
  if (late != chain.end()) {
    return text("compresses what is encrypted, which saves nothing; put ", shown(*late),
                " before aes-gcm");
  }
  return {};
}

}  // namespace

std::string shown(const CodecWord& codec) {
  const bool custom = codec.kind == CodecKind::kCustom;
  const auto name = custom ? codec.plugin : std::string(queue::to_string(codec.kind));
  return codec.level == 0 ? name : text(name, "(", codec.level, ")");
}

std::expected<std::vector<CodecWord>, std::string> parse_codecs(std::string_view words,
                                                                const PluginNames& plugins) {
  std::vector<CodecWord> chain;
  for (const auto& word : split_words(words)) {
    auto codec = parse_codec(word, plugins);
    if (!codec) return std::unexpected(std::move(codec.error()));
    chain.push_back(*std::move(codec));
  }
  if (chain.empty()) return std::unexpected("names no codec; write raw for none");
  if (auto words_of_misfit = misfit(chain); !words_of_misfit.empty()) {
    return std::unexpected(std::move(words_of_misfit));
  }
  if (chain.front().kind == CodecKind::kRaw) chain.clear();
  return chain;
}

}  // namespace mvm::model
