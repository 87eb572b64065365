// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace mvm::queue {

inline void put_u32(std::byte* to, std::uint32_t number) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(number >> (8 * i));
}
inline std::uint32_t get_u32(const std::byte* from) {
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i) number |= std::to_integer<std::uint32_t>(from[i]) << (8 * i);
  return number;
}

}  // namespace mvm::queue
