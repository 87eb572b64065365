// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

/// What tells two collections of numbers apart, whatever their order. Fingerprints of parts add up
/// to the fingerprint of the whole.
struct Fingerprint {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t sum_of_mixed = 0;  ///< notices changes that leave the plain sum as it was

  Fingerprint& operator+=(const Fingerprint& other) {
    count += other.count;
    sum += other.sum;
    sum_of_mixed += other.sum_of_mixed;
    return *this;
  }
  bool operator==(const Fingerprint&) const = default;
};

inline Fingerprint fingerprint(const std::vector<std::uint64_t>& numbers) {
  Fingerprint all;
  for (const std::uint64_t n : numbers) {
    const std::uint64_t mixed = (n ^ (n >> 29)) * 0xff51afd7ed558ccdu;
    all += {1, n, mixed ^ (mixed >> 32)};
  }
  return all;
}

/// What a sorting task tells the checker about its block. Plain data travels as it is.
struct Report {
  std::uint64_t task = 0;
  Fingerprint before;       ///< of the numbers it began with
  Fingerprint after;        ///< of those it ended with
  std::uint64_t first = 0;  ///< the least and the greatest that it ended with
  std::uint64_t last = 0;
  bool sorted = false;
};
