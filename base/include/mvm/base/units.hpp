// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>

namespace mvm {

/// A size of memory or data. A type of its own, so that bytes never mix with counts.
struct Bytes {
  std::uint64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
};

inline constexpr Bytes operator""_B(unsigned long long n) {
  return {n};
}
inline constexpr Bytes operator""_KiB(unsigned long long n) {
  return {n << 10};
}
inline constexpr Bytes operator""_MiB(unsigned long long n) {
  return {n << 20};
}
inline constexpr Bytes operator""_GiB(unsigned long long n) {
  return {n << 30};
}

using Duration = std::chrono::nanoseconds;

/// Reads "512MiB", "64 KiB", "1GB" (10^9), "4096" or "4096B".
[[nodiscard]] Result<Bytes> parse_bytes(std::string_view text);

/// Reads "10ms", "1.5s", "250us", "90ns", "10min", "2h". A bare number is refused: a duration has
/// a unit.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

/// "512 MiB", "1.5 GiB", "17 B": for people.
[[nodiscard]] std::string to_string(Bytes size);

/// "1.25 s", "340 ms", "12 us": for people.
[[nodiscard]] std::string to_string(Duration duration);

}  // namespace mvm
