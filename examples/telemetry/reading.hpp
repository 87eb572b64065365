// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// What a sensor reports.
struct Reading {
  std::uint32_t sensor;
  std::uint32_t number;  ///< from 0
  std::uint32_t alarm;   ///< 1: somebody should look at it now
  double value;
  double taken_at;  ///< seconds of this host's steady clock
};

/// Each tenth reading is an alarm.
constexpr bool is_alarm(std::uint32_t number) {
  return number % 10 == 0;
}
