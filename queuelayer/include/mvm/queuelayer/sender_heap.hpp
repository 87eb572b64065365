// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {

/// The part of an arena where one sender puts loans and messages that outgrow a channel's data
/// area. Its bookkeeping lies in the sender's own memory, so a sender that dies in the middle of
/// an allocation leaves nothing to repair. Takes the lowest block that fits, so that memory that
/// was touched before is used again. Thread safe.
class SenderHeap {
 public:
  /// `base`: where the arena is mapped, if memory that nobody has is to be a red zone.
  SenderHeap(Offset at, std::uint64_t size, std::byte* base = nullptr);
  /// The heap of an endpoint of the arena, which must outlive it.
  SenderHeap(const Arena& arena, const EndpointRecord& endpoint);
  ~SenderHeap();
  SenderHeap(const SenderHeap&) = delete;
  SenderHeap& operator=(const SenderHeap&) = delete;

  /// `length` bytes, aligned to a cache line; nothing when no block is large enough.
  [[nodiscard]] std::optional<Offset> allocate(std::uint64_t length);
  void free(Offset at, std::uint64_t length);
  [[nodiscard]] bool could_allocate(std::uint64_t length) const;

 private:
  void set_zones(Offset at, std::uint64_t length, std::uint64_t taken);

  std::byte* const base_;
  const Offset begin_;
  Offset touched_until_;  ///< no zone lies behind
  mutable std::mutex mutex_;
  std::map<Offset, std::uint64_t> gaps_;  ///< free blocks by position: never adjacent, never empty
};

/// Gives the host the pages back that lie wholly in a block which is about to be freed, if it is so
/// large that they are worth a system call; smaller blocks stay warm for the next message.
void return_to_host(std::byte* memory, std::uint64_t length);

}  // namespace mvm::queue
