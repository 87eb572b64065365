// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/sender_heap.hpp>

#include <gtest/gtest.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include <iterator>
#include <map>
#include <thread>
#include <vector>

#include "test_seed.hpp"

namespace mvm::queue {
namespace {

constexpr Offset kStart = 1 << 20;
constexpr std::uint64_t kSize = 64 << 10;

TEST(SenderHeap, TakesTheLowestBlockThatFits) {
  SenderHeap heap(kStart, kSize);
  const auto first = heap.allocate(100);
  const auto second = heap.allocate(100);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, kStart);
  EXPECT_EQ(*second, kStart + 2 * kLine);
  heap.free(*first, 100);
  EXPECT_EQ(heap.allocate(129), kStart + 4 * kLine);  // too long for the gap
  EXPECT_EQ(heap.allocate(128), kStart);
}

TEST(SenderHeap, AnEmptyMessageTakesALineOfItsOwn) {
  SenderHeap heap(kStart, kSize);
  const auto first = heap.allocate(0);
  const auto second = heap.allocate(0);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*second - *first, kLine);
}

TEST(SenderHeap, GivesAllOfItsMemoryAndNoMore) {
  SenderHeap heap(kStart, kSize);
  EXPECT_FALSE(heap.could_allocate(kSize + 1));
  ASSERT_TRUE(heap.could_allocate(kSize));
  ASSERT_TRUE(heap.allocate(kSize));
  EXPECT_FALSE(heap.could_allocate(1));
  EXPECT_FALSE(heap.allocate(1));
}

TEST(SenderHeap, AnEmptyHeapHasNothing) {
  SenderHeap heap(kStart, 0);
  EXPECT_FALSE(heap.could_allocate(0));
  EXPECT_FALSE(heap.allocate(0));
}

/// Whatever is taken and given back in whatever order: blocks lie inside, on lines, never on each
/// other, and when all came back the heap is one block again.
TEST(SenderHeap, NeverOverlapsAndAlwaysCoalesces) {
  std::mt19937 random(test_seed());
  SenderHeap heap(kStart, kSize);
  std::map<Offset, std::uint64_t> taken;
  for (int step = 0; step < 20'000; ++step) {
    if (taken.empty() || random_below(random, 100) < 55) {
      const auto length = random_below(random, random_below(random, 10) == 0 ? 20'000 : 500);
      const bool promised = heap.could_allocate(length);
      const auto at = heap.allocate(length);
      ASSERT_EQ(at.has_value(), promised);
      if (!at) continue;
      ASSERT_EQ(*at % kLine, 0u);
      ASSERT_GE(*at, kStart);
      ASSERT_LE(*at + length, kStart + kSize);
      const auto [place, fresh] = taken.emplace(*at, length);
      ASSERT_TRUE(fresh);
      if (place != taken.begin()) {
        const auto before = std::prev(place);
        ASSERT_LE(before->first + before->second, *at);
      }
      if (const auto next = std::next(place); next != taken.end()) {
        ASSERT_LE(*at + length, next->first);
      }
    } else {
      auto victim = taken.begin();
      std::advance(victim, static_cast<std::ptrdiff_t>(random_below(random, taken.size())));
      heap.free(victim->first, victim->second);
      taken.erase(victim);
    }
  }
  for (const auto& [at, length] : taken) heap.free(at, length);
  EXPECT_EQ(heap.allocate(kSize), kStart);
}

TEST(SenderHeap, ServesThreadsAtOnce) {
  SenderHeap heap(0, 1 << 20);
  std::vector<int> owner(1 << 20);
  const auto work = [&](int self) {
    for (int round = 0; round < 500; ++round) {
      const std::uint64_t length = kLine * (1 + static_cast<std::uint64_t>(round % 7));
      const auto at = heap.allocate(length);
      ASSERT_TRUE(at);
      for (std::uint64_t i = 0; i < length; ++i) owner[*at + i] = self;
      for (std::uint64_t i = 0; i < length; ++i) ASSERT_EQ(owner[*at + i], self);
      heap.free(*at, length);
    }
  };
  std::vector<std::thread> threads;
  for (int self = 1; self <= 3; ++self) threads.emplace_back(work, self);
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(heap.could_allocate(1 << 20));
}

// What the address sanitizer of this program says; it has one in a build of the preset asan.
#if defined(__SANITIZE_ADDRESS__)
TEST(SenderHeap, HasRedZonesAroundWhatIsTaken) {
  alignas(kLine) static std::byte memory[16 * kLine];
  {
    SenderHeap heap(2 * kLine, 14 * kLine, memory);
    const auto at = heap.allocate(100);
    ASSERT_EQ(at, Offset{2 * kLine});
    EXPECT_EQ(__asan_region_is_poisoned(memory + *at, 100), nullptr);
    EXPECT_EQ(__asan_region_is_poisoned(memory + *at, 101), memory + *at + 100);
    EXPECT_EQ(__asan_address_is_poisoned(memory + *at + 2 * kLine), 1) << "free memory behind";
    const auto next = heap.allocate(kLine);
    EXPECT_EQ(__asan_region_is_poisoned(memory + *next, kLine), nullptr);
    heap.free(*at, 100);
    EXPECT_EQ(__asan_address_is_poisoned(memory + *at), 1) << "given back";
    EXPECT_EQ(__asan_region_is_poisoned(memory + *next, kLine), nullptr);
  }
  EXPECT_EQ(__asan_region_is_poisoned(memory, sizeof memory), nullptr);
}
#endif

}  // namespace
}  // namespace mvm::queue
