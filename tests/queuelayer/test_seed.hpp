// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace mvm::queue {

/// A fresh seed, printed, so that a failure can be repeated: MVM_TEST_SEED=N runs it again.
inline std::uint32_t test_seed() {
  const char* words = std::getenv("MVM_TEST_SEED");
  const auto seed = words != nullptr ? static_cast<std::uint32_t>(std::strtoul(words, nullptr, 10))
                                     : std::random_device{}();
  std::printf("MVM_TEST_SEED=%u\n", seed);
  return seed;
}

inline std::uint64_t random_below(std::mt19937& random, std::uint64_t limit) {
  return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random);
}

}  // namespace mvm::queue
