// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {

/// The link and the rate limit that a queue pretends to have: which messages get lost, and when the
/// others arrive. It holds no message; a message that is "on the link" lies on its shelf and is not
/// due yet. Two emulations of one seed and one channel lose the same messages and delay them by the
/// same jitter.
class LinkEmulation {
 public:
  explicit LinkEmulation(const ChannelRecord& channel);

  /// True when messages get due times.
  [[nodiscard]] bool delays() const { return delays_; }

  /// Whether the next message gets lost. The same answer until `pass`.
  [[nodiscard]] bool loses_next();

  /// The next message, which loses_next() spoke of, goes on the link at `now_ns`. Returns when it
  /// arrives; 0 without delays. Where order is kept within a level, none arrives before an earlier
  /// one of the same level.
  std::int64_t pass(std::int64_t now_ns, std::uint64_t length, std::uint32_t level);

 private:
  /// Uniform in 0 … limit-1.
  static std::uint64_t draw(std::uint64_t& state, std::uint64_t limit);

  std::int64_t interval_ns_;
  std::int64_t latency_ns_;
  std::int64_t jitter_ns_;
  std::uint64_t bits_per_second_;
  std::uint32_t loss_ppb_;
  bool delays_;
  std::uint64_t loss_state_;
  std::uint64_t jitter_state_;

  std::optional<bool> loses_next_;
  std::int64_t rate_free_ns_ = 0;  ///< when the rate limit lets the next message pass
  std::int64_t line_free_ns_ = 0;  ///< when the line has sent the last bit of the last message
  std::uint64_t line_rest_ = 0;    ///< of a nanosecond, in 1 / bits_per_second_
  std::vector<std::int64_t> arrived_ns_;  ///< latest arrival by level; empty: no order is kept
};

}  // namespace mvm::queue
