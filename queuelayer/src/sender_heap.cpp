// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/sender_heap.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <iterator>

#include <mvm/queuelayer/red_zone.hpp>

namespace mvm::queue {
namespace {

std::uint64_t in_lines(std::uint64_t length) {
  return (std::max<std::uint64_t>(length, 1) + kLine - 1) / kLine * kLine;
}

/// Behind a block that has free memory behind it.
constexpr std::uint64_t kRedZone = 4 * kLine;

}  // namespace

SenderHeap::SenderHeap(Offset at, std::uint64_t size, std::byte* base)
    : base_(base), begin_(at), touched_until_(at) {
  if (size > 0) gaps_.emplace(at, size);
}

SenderHeap::SenderHeap(const Arena& arena, const EndpointRecord& endpoint)
    : SenderHeap(endpoint.heap, endpoint.heap_size, arena.base()) {}

SenderHeap::~SenderHeap() {
  if (base_ != nullptr) allow(base_ + begin_, touched_until_ - begin_);
}

/// Around a block of `length` bytes that takes `taken`, with the free memory behind it.
void SenderHeap::set_zones(Offset at, std::uint64_t length, std::uint64_t taken) {
  if (base_ == nullptr) return;
  allow(base_ + at, length);
  forbid(base_ + at + length, taken - length);
  touched_until_ = std::max(touched_until_, at + taken);
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
    set_zones(at, length, wanted + std::min(rest, kRedZone));
    return at;
  }
  return std::nullopt;
}

void SenderHeap::free(Offset at, std::uint64_t length) {
  auto size = in_lines(length);
  const std::scoped_lock lock(mutex_);
  if (base_ != nullptr) forbid(base_ + at, size);
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
