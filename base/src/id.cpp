// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/id.hpp>

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>

#include <mvm/base/text.hpp>

namespace mvm {
namespace {

/// A group id is a path component and a host name label in many places.
constexpr std::size_t kLongestName = 40;
constexpr std::size_t kSuffixDigits = 8;

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

}  // namespace

void random_bytes(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto got = getrandom(bytes.data(), bytes.size(), 0);
    if (got <= 0) std::abort();
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

std::string make_group_id(std::string_view profile_name) {
  std::string id(profile_name.substr(0, kLongestName));
  std::replace_if(id.begin(), id.end(), [](char c) { return !is_id_character(c); }, '-');
  if (id.empty() || id.front() == '-') id = text('g', id);
  id.push_back('-');
  std::uint8_t random[kSuffixDigits / 2];
  random_bytes(random);
  for (const auto byte : random) {
    id.push_back("0123456789abcdef"[byte >> 4]);
    id.push_back("0123456789abcdef"[byte & 15]);
  }
  return id;
}

bool is_group_id(std::string_view words) {
  return words.size() > kSuffixDigits + 1 && words.size() <= kLongestName + kSuffixDigits + 2 &&
         words.front() != '-' && words[words.size() - kSuffixDigits - 1] == '-' &&
         std::all_of(words.begin(), words.end(), is_id_character);
}

}  // namespace mvm
