// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "link_parcel.hpp"

namespace mvm::queue {

/// How many bytes of large messages may be under way to a machine: as many as the network holds,
/// and at most one fragment more; or, in a fast one, what passes in half a millisecond. What is
/// more than that only stands in a line somewhere, and a small message of another channel would
/// stand behind it.
///
/// The line's length is told by the time that parcels take: in excess of the shortest time seen,
/// they stood in it (TCP Vegas, Brakmo and Peterson 1995). So the window grows while the line is
/// shorter than a quarter of a fragment, and shrinks when it is longer than half of one. It doubles
/// each time at first. Now and then it is a fragment smaller for one round, so that the line
/// vanishes and the shortest time is seen again.
/// One object per connection; one thread.
class LinkWindow {
 public:
  static constexpr std::uint64_t kSmallest = kFragmentBytes;
  static constexpr std::uint64_t kLargest = 8 << 20;

  /// A parcel's way there and its acknowledgement's way back.
  struct RoundTrip {
    std::int64_t ns = 0;      ///< 0: none was seen
    std::uint64_t bytes = 0;  ///< of the parcel
  };

  [[nodiscard]] std::uint64_t bytes() const {
    return draining_ ? bytes_ - std::min<std::uint64_t>(bytes_ / 2, kFragmentBytes) : bytes_;
  }
  /// The shortest round trip seen lately.
  [[nodiscard]] RoundTrip shortest() const;

  /// More would have been sent if the window had been larger. Without this it does not grow.
  void was_full() { was_full_ = true; }
  /// `acknowledged` bytes of large messages have arrived; the last parcel took this round trip.
  void on_round_trip(std::int64_t now_ns, RoundTrip trip, std::uint64_t acknowledged);
  /// The connection broke: what was learnt may not hold for the next.
  void restart() { *this = {}; }

 private:
  void remember(std::int64_t now_ns, RoundTrip trip);
  [[nodiscard]] double longest_line(RoundTrip trip) const;
  void adapt(RoundTrip trip);

  std::uint64_t bytes_ = kSmallest;
  bool starting_ = true;  ///< still doubling
  bool was_full_ = false;
  bool changed_ = false;   ///< by the round before
  bool draining_ = false;  ///< smaller for this round
  // One round: until as much as a window has been acknowledged.
  std::uint64_t round_bytes_ = 0;
  RoundTrip round_shortest_;
  // The shortest of this epoch and of the one before, so that a change of route is noticed.
  std::int64_t epoch_began_ns_ = 0;
  bool epoch_is_new_ = false;
  RoundTrip epoch_shortest_;
  RoundTrip last_epoch_shortest_;
};

}  // namespace mvm::queue
