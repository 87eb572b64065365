// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

/// A small message that tells when it left.
struct Probe {
  double sent_at;
};

/// Seconds of this host's steady clock.
inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
