// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mvm::fuzz {

/// Fuzzing input as edits of a valid form: each three bytes set one byte, and a rest of one or two
/// cuts the end off. So a fuzzer gets past checks that random bytes hardly pass.
inline std::string edited(std::string valid, std::string_view edits) {
  const auto byte = [&](std::size_t at) -> std::size_t {
    return static_cast<unsigned char>(edits[at]);
  };
  std::size_t at = 0;
  for (; at + 3 <= edits.size() && !valid.empty(); at += 3) {
    valid[(byte(at) << 8 | byte(at + 1)) % valid.size()] = static_cast<char>(byte(at + 2));
  }
  if (at < edits.size() && !valid.empty()) valid.resize(valid.size() - byte(at) % valid.size());
  return valid;
}

}  // namespace mvm::fuzz
