// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/model/profile.hpp>

#include "plugin_reader.hpp"

namespace mvm::model {

/// Reads "portable zstd(3) crc32c" as a chain of codecs. What is wrong, as words that follow upon
/// the list: a word that is no codec, a level that the codec has not, an order that makes no sense.
/// "raw" is the empty chain.
[[nodiscard]] std::expected<std::vector<CodecWord>, std::string> parse_codecs(
    std::string_view words, const PluginNames& plugins);

/// "zstd(3)".
[[nodiscard]] std::string shown(const CodecWord& codec);

}  // namespace mvm::model
