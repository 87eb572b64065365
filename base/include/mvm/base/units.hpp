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

/// Reads "1000/s", "5/ms", "90/min", "10/h": the time from one event to the next. A rate of zero,
/// or above one per nanosecond, is refused.
[[nodiscard]] Result<Duration> parse_rate(std::string_view text);

/// Reads "10Mbit/s", "1.5 Gbit/s", "125kB/s", "1MiB/s": bits per second.
[[nodiscard]] Result<std::uint64_t> parse_bandwidth(std::string_view text);

/// Reads "1%" or "0.01": a part of a whole, in billionths. More than the whole is refused.
[[nodiscard]] Result<std::uint32_t> parse_part(std::string_view text);

/// "512 MiB", "1.5 GiB", "17 B": for people.
[[nodiscard]] std::string to_string(Bytes size);

/// "1.25 s", "340 ms", "12 us": for people.
[[nodiscard]] std::string to_string(Duration duration);

/// "1000/s", "0.5/s": how often something happens once in `interval`, for people.
[[nodiscard]] std::string rate_words(Duration interval);

/// "10 Mbit/s", "300 bit/s": for people.
[[nodiscard]] std::string bandwidth_words(std::uint64_t bits_per_second);

/// "1%", "0.01%": of a part in billionths, for people.
[[nodiscard]] std::string part_words(std::uint32_t billionths);

}  // namespace mvm
