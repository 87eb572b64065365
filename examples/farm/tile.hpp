// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "../picture.hpp"

inline constexpr int kTileSide = 32;

/// A piece of work: render the tile whose upper left pixel this is.
struct TileOrder {
  int left = 0, top = 0;
};

/// A piece of the result. Plain data, so it can be rendered in the queue's own memory.
struct Tile {
  int left, top;
  std::uint32_t worker;  ///< who has rendered it
  std::array<Colour, kTileSide * kTileSide> pixels;
};
