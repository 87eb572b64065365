// SPDX-License-Identifier: GPL-3.0-or-later
#include "group_secret.hpp"

#include <unistd.h>

#include <array>
#include <string_view>

namespace mvm::run {

Result<std::string> make_group_secret() {
  std::array<unsigned char, 32> secret;
  if (::getentropy(secret.data(), secret.size()) != 0) {
    return fail_system("make the group's secret");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string words;
  for (const auto byte : secret) {
    words.push_back(kDigits[byte >> 4]);
    words.push_back(kDigits[byte & 0xf]);
  }
  return words;
}

}  // namespace mvm::run
