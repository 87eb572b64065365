// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <complex>
#include <cstddef>

#include "fourier.hpp"
#include "noise.hpp"

/// A long signal that is cut into overlapping windows, one transform each.
struct Sweep {
  std::size_t n;           ///< points per window
  std::size_t transforms;  ///< windows; each begins half a window after the one before

  /// Point i of window w, faded in and out (Hann), so that the ends do not show in the spectrum.
  Complex operator()(std::size_t w, std::size_t i) const {
    const double fade = 0.5 - 0.5 * turn(i, n).real();
    return fade * at(w * (n / 2) + i);
  }

 private:
  /// A tone that rises, one that wavers, and one that comes and goes, in noise.
  Complex at(std::size_t t) const {
    constexpr double kTurn = 2.0 * 3.14159265358979323846;
    const double time = static_cast<double>(t);
    const double length = static_cast<double>((transforms + 1) * (n / 2));
    const double part = time / length;

    const double rising = kTurn * time * (0.05 + 0.20 * part);
    const double wavering = kTurn * 0.65 * time - 0.02 * length * std::cos(3 * kTurn * part);
    const double steady = kTurn * 0.9 * time;
    const bool on = static_cast<int>(part * 20) % 2 == 0;
    return std::polar(1.0, rising) + std::polar(0.7, wavering) +
           std::polar(on ? 0.4 : 0.0, steady) + 0.3 * Complex(noise(2 * t), noise(2 * t + 1));
  }
};
