// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

// Of the address sanitizer, where the program has it. Jobs may have it though this library was
// built without.
extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* memory, std::size_t size);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* memory, std::size_t size);
}

/// Memory that a program must not touch, though it is mapped: the address sanitizer, where the
/// program was built with it, reports whoever does. Each process has its own notion of it.
namespace mvm::queue {

inline void forbid(const volatile void* memory, std::size_t size) {
  if (__asan_poison_memory_region != nullptr) __asan_poison_memory_region(memory, size);
}
inline void allow(const volatile void* memory, std::size_t size) {
  if (__asan_unpoison_memory_region != nullptr) __asan_unpoison_memory_region(memory, size);
}

}  // namespace mvm::queue
