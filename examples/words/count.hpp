// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/job.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// How often a word was seen.
struct Count {
  std::string word;
  std::uint64_t times = 0;
};

/// Travels as text: "12 harbour".
template <>
struct mvm::Codec<Count> {
  static std::string encode(const Count& count) {
    return std::to_string(count.times) + ' ' + count.word;
  }

  static Count decode(std::string_view bytes) {
    const auto space = bytes.find(' ');
    if (space == 0 || space == std::string_view::npos) {
      throw mvm::error("a word's count is malformed: " + std::string(bytes));
    }
    return {std::string(bytes.substr(space + 1)), std::stoull(std::string(bytes.substr(0, space)))};
  }
};
