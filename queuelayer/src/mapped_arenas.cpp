// SPDX-License-Identifier: Apache-2.0
#include "mapped_arenas.hpp"

#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

namespace mvm::queue {
namespace {

struct Table {
  std::shared_mutex mutex;
  std::vector<std::pair<std::byte*, std::uint64_t>> arenas;
};

/// Never destroyed: arenas that live as long as the program leave it after any destructor.
Table& table() {
  static auto* const all = new Table;
  return *all;
}

}  // namespace

void MappedArena::add(std::byte* base, std::uint64_t size) {
  const std::unique_lock lock(table().mutex);
  table().arenas.emplace_back(base, size);
}

void MappedArena::remove(std::byte* base) {
  const std::unique_lock lock(table().mutex);
  std::erase_if(table().arenas, [base](const auto& arena) { return arena.first == base; });
}

void MappedArena::visit(const void* inside,
                        const std::function<void(const MappedArena&)>& visitor) {
  const std::shared_lock lock(table().mutex);
  const auto* at = static_cast<const std::byte*>(inside);
  for (const auto& [base, size] : table().arenas) {
    if (std::less_equal<>()(base, at) && std::less<>()(at, base + size)) {
      return visitor(MappedArena(base, size));
    }
  }
}

}  // namespace mvm::queue
