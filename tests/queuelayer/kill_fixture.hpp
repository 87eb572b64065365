// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <random>
#include <stdexcept>

#include "test_seed.hpp"
#include "traced_process.hpp"

namespace mvm::queue {

/// A `T` in memory that this process shares with those that it forks.
template <typename T>
class SharedByForks {
 public:
  SharedByForks() {
    memory_ = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::runtime_error("mmap");
    new (memory_) T{};
  }
  ~SharedByForks() { ::munmap(memory_, sizeof(T)); }
  SharedByForks(const SharedByForks&) = delete;
  SharedByForks& operator=(const SharedByForks&) = delete;
  T* operator->() const { return static_cast<T*>(memory_); }
  T& operator*() const { return *static_cast<T*>(memory_); }

 private:
  void* memory_;
};

/// As many deaths among the first ten instructions as among the first hundred or thousand.
inline std::uint64_t random_instructions(std::mt19937& random, double most) {
  return static_cast<std::uint64_t>(
      std::exp(std::uniform_real_distribution<double>(0, std::log(most))(random)));
}

/// Skips where a host lets nobody trace its own children.
class KillFixture : public testing::Test {
 protected:
  void SetUp() override {
    try {
      TracedProcess probe([] { return 0; });
      probe.trace();
      probe.finish();
    } catch (const std::exception& problem) {
      GTEST_SKIP() << problem.what();
    }
  }

  /// Plays a round of its own for each of so many seeds, or of MVM_KILLS.
  template <typename PlayRound>
  void repeat(unsigned long usual_rounds, PlayRound&& play_round) {
    const auto seed = test_seed();
    const char* words = std::getenv("MVM_KILLS");
    const auto rounds = words != nullptr ? std::strtoul(words, nullptr, 10) : usual_rounds;
    for (std::uint32_t i = 0; i < rounds && !HasFailure(); ++i) {
      std::mt19937 random(seed + i);
      SCOPED_TRACE(testing::Message() << "MVM_TEST_SEED=" << seed + i << " MVM_KILLS=1");
      play_round(random);
    }
  }
};

}  // namespace mvm::queue
