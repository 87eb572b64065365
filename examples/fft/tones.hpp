// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <complex>
#include <cstddef>

#include "fourier.hpp"
#include "noise.hpp"

/// Point i of a signal of n points, 16 or more: three tones in noise.
inline Complex tones(std::size_t i, std::size_t n) {
  const auto tone = [&](std::size_t frequency) { return std::conj(turn(frequency * i, n)); };
  return 1.0 * tone(n / 16) + 0.5 * tone(n / 4 + 1) + 0.25 * tone(n - n / 8) +
         Complex(noise(2 * i), noise(2 * i + 1));
}
