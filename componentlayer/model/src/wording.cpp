// SPDX-License-Identifier: GPL-3.0-or-later
#include "wording.hpp"

#include <algorithm>

#include <mvm/base/diagnostic.hpp>
#include <mvm/base/text.hpp>

namespace mvm::model {

std::string list_of(const std::vector<std::string>& words) {
  constexpr std::size_t kLongest = 500;
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ", ";
    if (out.size() > kLongest) return out + "…";
    out += word;
  }
  return out;
}

std::string meant_or_allowed(std::string_view word, const std::vector<std::string>& allowed) {
  return text(did_you_mean(word, allowed), " (allowed: ", list_of(allowed), ")");
}

std::string excerpt(std::string_view words) {
  constexpr std::size_t kLongest = 40;
  std::string out(words.substr(0, kLongest));
  // Never half a character: step back over UTF-8 continuation bytes.
  if (words.size() > kLongest) {
    std::size_t cut = kLongest;
    while (cut > 0 && (static_cast<unsigned char>(words[cut]) & 0xC0) == 0x80) --cut;
    out = text(words.substr(0, cut), "…");
  }
  std::ranges::replace_if(out, [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  return out;
}

}  // namespace mvm::model
