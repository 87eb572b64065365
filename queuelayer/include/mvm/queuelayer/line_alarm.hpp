// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include <mvm/base/unique_fd.hpp>

namespace mvm::queue {

/// Wakes the attendant of a task's direct lines at a time: a timer whose setting costs a call of
/// the system only when it is to ring earlier. Any thread.
class LineAlarm {
 public:
  LineAlarm();
  /// Readable when it has rung.
  [[nodiscard]] int descriptor() const { return timer_.get(); }
  /// It is to ring at this time of CLOCK_MONOTONIC, or earlier.
  void ring_by(std::int64_t time_ns);
  /// It has rung, and may be set anew.
  void reset();

 private:
  static constexpr std::int64_t kUnset = std::numeric_limits<std::int64_t>::max();
  UniqueFd timer_;
  std::atomic<std::int64_t> due_ns_{kUnset};
};

}  // namespace mvm::queue
