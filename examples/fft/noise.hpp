// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Noise between -0.5 and 0.5: random from place to place, the same at a place for ever.
inline double noise(std::uint64_t place) {
  std::uint64_t z = (place + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53 - 0.5;
}
