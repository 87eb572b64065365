// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/base/units.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// A mapped arena: the shared memory of one job group on one machine. It has no name, so nothing
/// of it can be left behind: it lives as long as a descriptor or a mapping of it.
class Arena {
 public:
  /// Lays out everything of a wiring plan: header, endpoints, ports, channels, and for each
  /// endpoint a heap. endpoint_numbers.hpp tells which endpoint is whose; channel i is the plan's
  /// channel i. Nothing is ever allocated in it afterwards. Errors: kArena when the host gives no
  /// shared memory or a limit is passed.
  [[nodiscard]] static Result<Arena> create(const WiringPlan& plan);

  /// Maps an arena that was handed over by descriptor; `fd` may be closed afterwards. Errors:
  /// kArena for what is not an arena of this version.
  [[nodiscard]] static Result<Arena> attach(int fd);

  Arena(Arena&&) noexcept;
  Arena& operator=(Arena&&) noexcept;
  ~Arena();

  /// The descriptor to hand to tasks; only of a created arena.
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  [[nodiscard]] Bytes size() const { return size_; }

  [[nodiscard]] ArenaHeader& header() const { return *reinterpret_cast<ArenaHeader*>(base_); }
  [[nodiscard]] std::uint32_t endpoint_count() const { return endpoint_count_; }
  [[nodiscard]] std::uint32_t channel_count() const { return channel_count_; }
  [[nodiscard]] EndpointRecord& endpoint(std::uint32_t number) const { return endpoints_[number]; }
  [[nodiscard]] ChannelRecord& channel(std::uint32_t number) const { return channels_[number]; }

  /// Where `length` bytes at `at` are mapped, or null when they are not all inside the arena.
  /// Whatever comes from shared memory is looked up through this.
  [[nodiscard]] std::byte* find(Offset at, std::uint64_t length) const {
    if (at > size_.count || length > size_.count - at) return nullptr;
    return base_ + at;
  }
  [[nodiscard]] std::byte* base() const { return base_; }

  [[nodiscard]] std::string_view words(TextRef text) const;  ///< empty when out of bounds
  template <typename T>
  [[nodiscard]] std::span<T> list(ListRef list) const {
    auto* first = find(list.at, std::uint64_t{list.count} * sizeof(T));
    if (first == nullptr || list.at % alignof(T) != 0) return {};
    return {reinterpret_cast<T*>(first), list.count};
  }

 private:
  struct Mapping;  ///< boost::interprocess::mapped_region, kept out of this header
  Arena(UniqueFd fd, std::unique_ptr<Mapping> mapping);
  /// `keep`: the descriptor, where the arena is to own it.
  [[nodiscard]] static Result<Arena> map(int fd, std::uint64_t size, UniqueFd keep);
  /// Checks what is mapped, and finds its tables.
  [[nodiscard]] Result<void> adopt();

  UniqueFd fd_;
  std::unique_ptr<Mapping> mapping_;
  std::byte* base_ = nullptr;
  Bytes size_;
  EndpointRecord* endpoints_ = nullptr;
  ChannelRecord* channels_ = nullptr;
  std::uint32_t endpoint_count_ = 0;
  std::uint32_t channel_count_ = 0;
};

/// A heap is address space only: memory is taken when a large message touches it. Each endpoint has
/// so much at least, and twice the largest message for each queue that it sends to, so that large
/// messages to all of them can be under way at once.
inline constexpr Bytes kHeapPerEndpoint = 4_GiB;
/// Where that is more than this in all, it is divided: 32 TiB of the 128 that a process has.
inline constexpr Bytes kHeapsTotal{std::uint64_t{32} << 40};
inline constexpr Bytes kSmallestHeap = 64_MiB;

}  // namespace mvm::queue
