// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

using Numbers = std::vector<std::uint64_t>;

/// Number `i` of the whole array: the splitmix64 generator, which can start anywhere.
inline std::uint64_t number(std::uint64_t seed, std::uint64_t i) {
  std::uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

enum class Keep { kLower, kUpper };

/// Of two sorted blocks of one size: the lower or the upper half of all their numbers, sorted.
inline Numbers half_of_union(const Numbers& mine, const std::uint64_t* theirs, Keep keep) {
  Numbers kept(mine.size());
  if (keep == Keep::kLower) {
    auto a = mine.begin();
    const auto* b = theirs;
    for (auto& to : kept) to = *a <= *b ? *a++ : *b++;
  } else {
    auto a = mine.end();
    const auto* b = theirs + mine.size();
    for (auto to = kept.rbegin(); to != kept.rend(); ++to) *to = a[-1] >= b[-1] ? *--a : *--b;
  }
  return kept;
}
