// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/sender_heap.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <iterator>

namespace mvm::queue {
namespace {

std::uint64_t in_lines(std::uint64_t length) {
  return (std::max<std::uint64_t>(length, 1) + kLine - 1) / kLine * kLine;
}

}  // namespace

SenderHeap::SenderHeap(Offset at, std::uint64_t size) {
  if (size > 0) gaps_.emplace(at, size);
}

std::optional<Offset> SenderHeap::allocate(std::uint64_t length) {
  const auto wanted = in_lines(length);
  const std::scoped_lock lock(mutex_);
  for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
    if (gap->second < wanted) continue;
    const auto at = gap->first;
    const auto rest = gap->second - wanted;
    gaps_.erase(gap);
    if (rest > 0) gaps_.emplace(at + wanted, rest);
    return at;
  }
  return std::nullopt;
}

void SenderHeap::free(Offset at, std::uint64_t length) {
  auto size = in_lines(length);
  const std::scoped_lock lock(mutex_);
  auto next = gaps_.lower_bound(at);
  if (next != gaps_.end() && next->first == at + size) {
    size += next->second;
    next = gaps_.erase(next);
  }
  if (next != gaps_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == at) {
      before->second += size;
      return;
    }
  }
  gaps_.emplace(at, size);
}

bool SenderHeap::could_allocate(std::uint64_t length) const {
  const auto wanted = in_lines(length);
  const std::scoped_lock lock(mutex_);
  return std::any_of(gaps_.begin(), gaps_.end(),
                     [wanted](const auto& gap) { return gap.second >= wanted; });
}

void return_to_host(std::byte* memory, std::uint64_t length) {
  constexpr std::uint64_t kWorthIt = 64 << 20;
  constexpr std::uint64_t kPage = 4096;
  if (length < kWorthIt) return;
  const auto at = reinterpret_cast<std::uintptr_t>(memory);
  const auto skipped = (kPage - at % kPage) % kPage;
  // The kernel refuses nothing but a bad range.
  ::madvise(memory + skipped, (length - skipped) / kPage * kPage, MADV_REMOVE);
}

}  // namespace mvm::queue
