// SPDX-License-Identifier: Apache-2.0
#include "link_window.hpp"

#include <algorithm>

namespace mvm::queue {
namespace {

constexpr std::int64_t kEpochNs = 10'000'000'000;

/// The shorter of two times, where 0 stands for none.
std::int64_t shorter(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace

std::int64_t LinkWindow::shortest_ns() const {
  return shorter(epoch_shortest_ns_, last_epoch_shortest_ns_);
}

void LinkWindow::on_round_trip(std::int64_t now_ns, std::int64_t round_trip_ns,
                               std::uint64_t acknowledged) {
  if (round_trip_ns <= 0) return;
  remember(now_ns, round_trip_ns);
  round_shortest_ns_ = shorter(round_shortest_ns_, round_trip_ns);
  round_bytes_ += acknowledged;
  if (round_bytes_ < bytes_) return;
  // Every parcel of the round stood in the line, the luckiest too; noise it may have escaped.
  if (was_full_ && !draining_) adapt(round_shortest_ns_);
  was_full_ = false;
  draining_ = epoch_is_new_;
  epoch_is_new_ = false;
  round_bytes_ = 0;
  round_shortest_ns_ = 0;
}

void LinkWindow::remember(std::int64_t now_ns, std::int64_t round_trip_ns) {
  if (now_ns - epoch_began_ns_ >= kEpochNs) {
    last_epoch_shortest_ns_ = epoch_shortest_ns_;
    epoch_shortest_ns_ = 0;
    epoch_is_new_ = epoch_began_ns_ != 0;
    epoch_began_ns_ = now_ns;
  }
  epoch_shortest_ns_ = shorter(epoch_shortest_ns_, round_trip_ns);
}

void LinkWindow::adapt(std::int64_t round_trip_ns) {
  const auto excess = static_cast<double>(round_trip_ns - shortest_ns());
  const double line = static_cast<double>(bytes_) * excess / static_cast<double>(round_trip_ns);
  constexpr auto kOne = static_cast<double>(kFragmentBytes);
  if (line < kOne) {
    bytes_ += starting_ ? bytes_ : kFragmentBytes;
  } else {
    starting_ = false;
    if (line > 2 * kOne) bytes_ -= std::min(bytes_ / 2, static_cast<std::uint64_t>(line - kOne));
  }
  bytes_ = std::clamp(bytes_, kSmallest, kLargest);
}

}  // namespace mvm::queue
