// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "link_parcel.hpp"

namespace mvm::queue {

/// How many bytes of large messages may be under way to a machine: as many as the network holds,
/// and about one fragment more. What is more than that only stands in a line somewhere, and a small
/// message of another channel would stand behind it.
///
/// The line's length is told by the time that parcels take: in excess of the shortest time seen,
/// they stood in it (TCP Vegas, Brakmo and Peterson 1995). So the window grows while the line is
/// shorter than a fragment, and shrinks when it is longer than two. It doubles each time at first.
/// Now and then it is halved for one round, so that the line vanishes and the shortest time is seen
/// again.
/// One object per connection; one thread.
class LinkWindow {
 public:
  static constexpr std::uint64_t kSmallest = 2 * kFragmentBytes;
  static constexpr std::uint64_t kLargest = 8 << 20;

  [[nodiscard]] std::uint64_t bytes() const {
    return draining_ ? std::max(bytes_ / 2, std::uint64_t{kFragmentBytes}) : bytes_;
  }
  /// The shortest round trip seen lately; 0 before the first.
  [[nodiscard]] std::int64_t shortest_ns() const;

  /// More would have been sent if the window had been larger. Without this it does not grow.
  void was_full() { was_full_ = true; }
  /// `acknowledged` bytes of large messages have arrived; the last of them took this round trip.
  void on_round_trip(std::int64_t now_ns, std::int64_t round_trip_ns, std::uint64_t acknowledged);
  /// The connection broke: what was learnt may not hold for the next.
  void restart() { *this = {}; }

 private:
  void remember(std::int64_t now_ns, std::int64_t round_trip_ns);
  void adapt(std::int64_t round_trip_ns);

  std::uint64_t bytes_ = kSmallest;
  bool starting_ = true;  ///< still doubling
  bool was_full_ = false;
  bool draining_ = false;  ///< halved for this round
  // One round: until as much as a window has been acknowledged.
  std::uint64_t round_bytes_ = 0;
  std::int64_t round_shortest_ns_ = 0;
  // The shortest of this epoch and of the one before, so that a change of route is noticed.
  std::int64_t epoch_began_ns_ = 0;
  bool epoch_is_new_ = false;
  std::int64_t epoch_shortest_ns_ = 0;
  std::int64_t last_epoch_shortest_ns_ = 0;
};

}  // namespace mvm::queue
