// SPDX-License-Identifier: Apache-2.0
#include "link_emulation.hpp"

#include <algorithm>

#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

/// Times far beyond any group's life, so that sums of a few of them do not wrap around.
constexpr std::int64_t kFarFuture = kNever / 4;

/// SplitMix64: passes the usual batteries, and every seed is a good one.
std::uint64_t next_random(std::uint64_t& state) {
  auto z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// Loss and jitter draw from streams of their own, so that changing one leaves the other as it was.
std::uint64_t stream(const ChannelRecord& channel, std::uint64_t purpose) {
  std::uint64_t state = channel.seed;
  state = next_random(state) ^ channel.id;
  state = next_random(state) ^ purpose;
  return next_random(state);
}

std::size_t ordered_levels(const ChannelRecord& channel) {
  switch (static_cast<QueueType>(channel.type)) {
    case QueueType::kFifo:
      return 1;
    case QueueType::kPriority:
      return std::clamp(channel.levels, 1u, kMaxLevels);
    default:
      return 0;
  }
}

std::int64_t later(std::int64_t at, std::int64_t by) {
  return std::min(at, kFarFuture) + std::clamp(by, std::int64_t{0}, kFarFuture);
}

}  // namespace

LinkEmulation::LinkEmulation(const ChannelRecord& channel)
    : interval_ns_(channel.interval_ns),
      latency_ns_(channel.latency_ns),
      jitter_ns_(channel.jitter_ns),
      bits_per_second_(channel.bits_per_second),
      loss_ppb_(channel.loss_ppb),
      delays_(interval_ns_ > 0 || latency_ns_ > 0 || jitter_ns_ > 0 || bits_per_second_ > 0),
      loss_state_(stream(channel, 1)),
      jitter_state_(stream(channel, 2)) {
  if (delays_) arrived_ns_.resize(ordered_levels(channel));
}

std::uint64_t LinkEmulation::draw(std::uint64_t& state, std::uint64_t limit) {
  return static_cast<std::uint64_t>(Wide{next_random(state)} * limit >> 64);
}

bool LinkEmulation::loses_next() {
  if (loss_ppb_ == 0) return false;
  if (!loses_next_) loses_next_ = draw(loss_state_, kNsPerSecond) < loss_ppb_;
  return *loses_next_;
}

std::int64_t LinkEmulation::pass(std::int64_t now_ns, std::uint64_t length, std::uint32_t level) {
  const bool lost = loses_next_.value_or(false);
  loses_next_.reset();
  if (!delays_) return 0;
  auto at = std::max(now_ns, rate_free_ns_);
  rate_free_ns_ = later(at, interval_ns_);
  if (bits_per_second_ > 0) {
    if (line_free_ns_ < at) line_rest_ = 0;
    // The rest of a nanosecond is kept, or short messages on a fast line would all take one.
    const auto work = Wide{length} * 8 * kNsPerSecond + line_rest_;
    line_rest_ = static_cast<std::uint64_t>(work % bits_per_second_);
    const auto takes = work / bits_per_second_;
    at = std::max(at, line_free_ns_);
    at = later(at, takes < Wide{kFarFuture} ? static_cast<std::int64_t>(takes) : kFarFuture);
    line_free_ns_ = at;
  }
  at = later(at, latency_ns_);
  if (jitter_ns_ > 0) {
    const auto most = static_cast<std::uint64_t>(jitter_ns_) + 1;
    at = later(at, static_cast<std::int64_t>(draw(jitter_state_, most)));
  }
  if (!lost && level < arrived_ns_.size()) {
    at = arrived_ns_[level] = std::max(at, arrived_ns_[level]);
  }
  return at;
}

}  // namespace mvm::queue
