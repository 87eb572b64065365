// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {

/// What a sender may say about a message beside its bytes.
struct MessageTerms {
  std::uint32_t priority = 0;         ///< 0 … levels-1; above that it counts as the highest
  std::int64_t deadline_ns = kNever;  ///< group time until which it is wanted
};

/// What became of a message that was to be sent.
enum class Sent {
  kDone,      ///< it is in the queue, or was lost by the emulated link
  kDropped,   ///< by the overflow policy; counted
  kRefused,   ///< by Overflow::kFail; nothing was sent
  kTryAgain,  ///< no room now: wait and try again
};

/// The sender's private account of one block of its heap that several queues refer to, so that a
/// message to many receivers lies in memory once. Freed when the last queue gives it back.
struct SharedBlock {
  Offset at = 0;
  std::uint64_t length = 0;
  std::uint32_t holds = 0;  ///< queues that still refer to it, and the sender while it sends
};

}  // namespace mvm::queue
