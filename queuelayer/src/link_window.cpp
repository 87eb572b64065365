// SPDX-License-Identifier: Apache-2.0
#include "link_window.hpp"

#include <algorithm>

namespace mvm::queue {
namespace {

constexpr double kHarmlessNs = 500'000;
constexpr std::int64_t kEpochNs = 10'000'000'000;

LinkWindow::RoundTrip shorter(const LinkWindow::RoundTrip& a, const LinkWindow::RoundTrip& b) {
  if (a.ns == 0) return b;
  return b.ns == 0 || a.ns <= b.ns ? a : b;
}

}  // namespace

LinkWindow::RoundTrip LinkWindow::shortest() const {
  return shorter(epoch_shortest_, last_epoch_shortest_);
}

void LinkWindow::on_round_trip(std::int64_t now_ns, RoundTrip trip, std::uint64_t acknowledged) {
  if (trip.ns <= 0) return;
  remember(now_ns, trip);
  round_shortest_ = shorter(round_shortest_, trip);
  round_bytes_ += acknowledged;
  if (round_bytes_ < bytes_) return;
  // Every parcel of the round stood in the line, the luckiest too; noise it may have escaped.
  // What a change did shows a round later.
  const auto before = bytes_;
  if (was_full_ && !draining_ && !changed_) adapt(round_shortest_);
  changed_ = bytes_ != before;
  was_full_ = false;
  draining_ = epoch_is_new_;
  epoch_is_new_ = false;
  round_bytes_ = 0;
  round_shortest_ = {};
}

void LinkWindow::remember(std::int64_t now_ns, RoundTrip trip) {
  if (now_ns - epoch_began_ns_ >= kEpochNs) {
    last_epoch_shortest_ = epoch_shortest_;
    epoch_shortest_ = {};
    epoch_is_new_ = epoch_began_ns_ != 0;
    epoch_began_ns_ = now_ns;
  }
  epoch_shortest_ = shorter(epoch_shortest_, trip);
}

/// A fragment; or what passes in kHarmlessNs, where that is more: a small message does not notice
/// it, and ends that share cores need so much to work side by side.
double LinkWindow::longest_line(RoundTrip trip) const {
  const double rate = static_cast<double>(bytes_) / static_cast<double>(trip.ns);
  return std::max(static_cast<double>(kFragmentBytes), rate * kHarmlessNs);
}

void LinkWindow::adapt(RoundTrip trip) {
  const double most = longest_line(trip);
  const auto least = shortest();
  const auto excess = static_cast<double>(trip.ns - least.ns) / static_cast<double>(trip.ns);
  // A parcel longer than the one that was quickest takes longer by itself.
  const auto own = static_cast<double>(trip.bytes) - static_cast<double>(least.bytes);
  const double line = static_cast<double>(bytes_) * excess - own;
  if (line < most / 4) {
    bytes_ += starting_ ? bytes_ : kFragmentBytes / 4;
  } else {
    starting_ = false;
    if (line > most / 2) {
      bytes_ -= std::min(bytes_ / 2, static_cast<std::uint64_t>(line - most / 4));
    }
  }
  bytes_ = std::clamp(bytes_, kSmallest, kLargest);
}

}  // namespace mvm::queue
