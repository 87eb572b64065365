// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../../examples/heat/block.hpp"

/// How the plate of examples/heat is cut: as square as the number of tasks allows, so one of
/// 2 tasks has a half of it, and one of 16 a square.
struct Grid {
  int width, height;

  explicit Grid(std::size_t tasks) : width(1), height(1) {
    while (static_cast<std::size_t>(width) * static_cast<std::size_t>(height) < tasks) {
      (width <= height ? width : height) *= 2;
    }
  }
  Block block(int n, std::size_t task) const {
    const int column = static_cast<int>(task) % width;
    const int row = static_cast<int>(task) / width;
    return {cut(n, width, column), cut(n, height, row), n};
  }
};
