// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {

/// The part of an arena where one sender puts loans and messages that outgrow a channel's data
/// area. Its bookkeeping lies in the sender's own memory, so a sender that dies in the middle of
/// an allocation leaves nothing to repair. Takes the lowest block that fits, so that memory that
/// was touched before is used again. Thread safe.
class SenderHeap {
 public:
  SenderHeap(Offset at, std::uint64_t size);

  /// `length` bytes, aligned to a cache line; nothing when no block is large enough.
  [[nodiscard]] std::optional<Offset> allocate(std::uint64_t length);
  void free(Offset at, std::uint64_t length);
  [[nodiscard]] bool could_allocate(std::uint64_t length) const;

 private:
  mutable std::mutex mutex_;
  std::map<Offset, std::uint64_t> gaps_;  ///< free blocks by position: never adjacent, never empty
};

}  // namespace mvm::queue
