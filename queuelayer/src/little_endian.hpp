// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

/// Numbers in the byte order of the wire, for places that are too hot for a byte at a time. `Byte`
/// is char or std::byte.
namespace mvm::queue {

/// Writes a number at `at`, and moves it on.
template <typename Byte, std::integral Number>
void put_little(Byte*& at, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    *at++ = static_cast<Byte>(static_cast<std::uint64_t>(number) >> (8 * i));
  }
}

/// Reads a number at `at`, and moves it on. The caller has made sure that it is there.
template <std::integral Number, typename Byte>
[[nodiscard]] Number get_little(const Byte*& at) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(*at++)} << (8 * i);
  }
  return static_cast<Number>(number);
}

}  // namespace mvm::queue
