// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t kAllocatorStart = kPage;  ///< the header has the first page

// What a channel is laid out as.

/// A ring does for one receiver that takes messages as they come; nothing else needs a shelf.
[[nodiscard]] ChannelKind kind_of(const ChannelSpec& channel);
[[nodiscard]] std::uint32_t slots_for(const ChannelSpec& shelf);
[[nodiscard]] std::uint64_t tape_size_for(const ChannelSpec& ring);  ///< a power of two
/// How many fibers each worker of a plan has.
[[nodiscard]] std::vector<std::uint32_t> fibers_of_workers(const WiringPlan& plan);
/// Words of bits for so many of something, in whole cache lines.
[[nodiscard]] std::uint32_t woken_words(std::uint32_t count);

/// How much of everything the arena of a plan has. First the header, then what an allocator hands
/// out once (tables, queues, boards), then a heap for each endpoint.
struct ArenaSize {
  explicit ArenaSize(const WiringPlan& plan);

  /// Bytes that are written when the arena is made, and soon after.
  [[nodiscard]] std::uint64_t tables() const;
  /// Bytes that full queues and boards need besides the messages' own.
  [[nodiscard]] std::uint64_t working_memory() const;
  /// Of the part that the allocator hands out.
  [[nodiscard]] std::uint64_t allocated() const;
  /// Where an endpoint's heap begins; and, behind the last, the end of the arena.
  [[nodiscard]] Offset heap_of(std::uint64_t endpoint) const {
    return kAllocatorStart + allocated() + heaps[endpoint];
  }
  [[nodiscard]] std::uint64_t heap_size(std::uint64_t endpoint) const {
    return heaps[endpoint + 1] - heaps[endpoint];
  }
  /// Of the whole arena.
  [[nodiscard]] std::uint64_t total() const { return heap_of(endpoints); }

  std::uint64_t endpoints = 2;  ///< the link, and the door to the outside
  std::uint64_t channels = 0;
  std::uint64_t ports = 0;
  std::uint64_t groups = 0;
  std::uint64_t numbers = 0;
  std::uint64_t characters = 0;
  std::uint64_t codecs = 0;
  std::uint64_t teams = 0;
  std::uint64_t memberships = 0;
  std::uint64_t seats = 0;
  std::uint64_t sleepers = 0;  ///< lines
  std::uint64_t workers = 0;
  std::uint64_t woken = 0;  ///< words of the workers' bits, in whole lines
  std::uint64_t shelf_slots = 0;
  std::uint64_t shelf_books = 0;  ///< announced and returned
  std::uint64_t tapes = 0;        ///< bytes
  std::uint64_t records = 0;      ///< bytes of `tapes` that a record for each message takes
  /// Where each endpoint's heap begins, from the first one on; and the end of the last.
  std::vector<std::uint64_t> heaps;

 private:
  void add_ports(const std::vector<PortSpec>& specs);
  void divide_heaps(const WiringPlan& plan);
};

}  // namespace mvm::queue
