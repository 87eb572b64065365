// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {

/// An arena that is mapped into this process, found by an address inside it. For those who know an
/// endpoint only, and must not follow what its memory says beyond the arena's own bounds.
class MappedArena {
 public:
  MappedArena(std::byte* base, std::uint64_t size) : base_(base), size_(size) {}

  static void add(std::byte* base, std::uint64_t size);
  static void remove(std::byte* base);
  /// Calls `visitor` with the arena that holds `inside`, if there is one; it stays mapped
  /// meanwhile.
  static void visit(const void* inside, const std::function<void(const MappedArena&)>& visitor);

  [[nodiscard]] const ArenaHeader& header() const {
    return *reinterpret_cast<const ArenaHeader*>(base_);
  }
  /// Empty when it does not lie in the arena.
  template <typename T>
  [[nodiscard]] std::span<T> list(ListRef list) const {
    const auto bytes = std::uint64_t{list.count} * sizeof(T);
    if (list.at > size_ || bytes > size_ - list.at || list.at % alignof(T) != 0) return {};
    return {reinterpret_cast<T*>(base_ + list.at), list.count};
  }

 private:
  std::byte* base_;
  std::uint64_t size_;
};

}  // namespace mvm::queue
