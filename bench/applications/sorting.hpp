// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "../../examples/sort/merge.hpp"

/// The bitonic sort of examples/sort again and again, over as many tasks as a power of two.
class Sorting {
 public:
  Sorting(std::size_t size, std::size_t row, std::size_t rows) : row_(row), rows_(rows) {
    for (std::size_t i = 0; i < size; ++i) unsorted_.push_back(number(1, row * size + i));
  }

  /// One sort. `exchange(d, mine, keep)` sends `mine` to the task whose number differs in bit `d`,
  /// and calls keep(theirs) with what came from there.
  template <typename Exchange>
  void sort(Exchange&& exchange) {
    block_ = unsorted_;
    std::sort(block_.begin(), block_.end());
    for (std::size_t cube = 2, dimensions = 1; cube <= rows_; cube *= 2, ++dimensions) {
      const bool ascending = (row_ & cube) == 0;
      for (std::size_t d = dimensions; d-- > 0;) {
        const bool lower_end = (row_ >> d & 1) == 0;
        exchange(static_cast<unsigned>(d), block_, [&](const std::uint64_t* theirs) {
          block_ =
              half_of_union(block_, theirs, lower_end == ascending ? Keep::kLower : Keep::kUpper);
        });
      }
    }
  }

  std::size_t size() const { return unsorted_.size(); }

  void check() const {
    if (block_.size() == unsorted_.size() && std::is_sorted(block_.begin(), block_.end())) return;
    std::fprintf(stderr, "not sorted\n");
    std::exit(3);
  }

 private:
  std::size_t row_, rows_;
  Numbers unsorted_, block_;
};
