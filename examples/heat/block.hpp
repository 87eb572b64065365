// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <vector>

inline constexpr double kCold = 0.0;
inline constexpr double kHot = 100.0;

/// A hot disc on a cold plate of n x n points, a quarter of n in radius; above the plate it is hot.
inline double initial(int x, int y, int n) {
  if (y < 0) return kHot;
  const long long dx = 3 * x - n;      // three times the distance from n/3
  const long long dy = 3 * y - 2 * n;  // and from 2n/3: whole numbers, so nothing is rounded
  return 16 * (dx * dx + dy * dy) < 9LL * n * n ? kHot : kCold;
}

/// Part `part` of 0 … n-1 when it is cut into `parts` as equal as can be.
struct Range {
  int begin, end;
  int size() const { return end - begin; }
};
inline Range cut(int n, int parts, int part) {
  return {n * part / parts, n * (part + 1) / parts};
}

/// One side of a block, as places in its field: our values there, and the ghost cells beyond, which
/// hold copies of the neighbour's. Both are `length` values that lie `stride` apart.
struct Side {
  int edge;
  int ghosts;
  int stride;
  int length;
};

/// This task's block of the plate, row by row, with one ghost cell all around.
class Block {
 public:
  Block(Range columns, Range rows, int n)
      : columns_(columns), rows_(rows), stride_(columns.size() + 2) {
    for (int y = rows.begin - 1; y <= rows.end; ++y) {
      for (int x = columns.begin - 1; x <= columns.end; ++x) {
        const bool beyond = x < 0 || x >= n || y >= n;
        field_.push_back(beyond ? kCold : initial(x, y, n));
      }
    }
    next_ = field_;  // where the plate ends, the ghosts stay for ever what they are now
  }

  /// Left, right, above, below.
  std::array<Side, 4> sides() const {
    const int width = columns_.size();
    const int height = rows_.size();
    const int first = stride_ + 1;
    const int last_row = height * stride_ + 1;
    return {{{first, first - 1, stride_, height},
             {first + width - 1, first + width, stride_, height},
             {first, first - stride_, 1, width},
             {last_row, last_row + stride_, 1, width}}};
  }

  /// `halo` has room for the values along that side.
  void copy_edge(const Side& side, double* halo) const {
    const double* from = &field_[static_cast<std::size_t>(side.edge)];
    for (int i = 0; i < side.length; ++i, from += side.stride) halo[i] = *from;
  }

  void set_ghosts(const Side& side, const double* halo) {
    double* to = &field_[static_cast<std::size_t>(side.ghosts)];
    for (int i = 0; i < side.length; ++i, to += side.stride) *to = halo[i];
  }

  void step() {
    for (int y = 1; y <= rows_.size(); ++y) {
      const double* here = field_.data() + y * stride_ + 1;
      double* to = next_.data() + y * stride_ + 1;
      for (int x = 0; x < columns_.size(); ++x, ++here, ++to) {
        *to = 0.25 * (here[-1] + here[1] + here[-stride_] + here[stride_]);
      }
    }
    field_.swap(next_);
  }

  Range columns() const { return columns_; }
  Range rows() const { return rows_; }

  /// The temperatures without the ghosts, row by row.
  std::vector<double> values() const {
    std::vector<double> values;
    for (int y = 1; y <= rows_.size(); ++y) {
      const auto row = field_.begin() + y * stride_ + 1;
      values.insert(values.end(), row, row + columns_.size());
    }
    return values;
  }

 private:
  Range columns_;
  Range rows_;
  int stride_;
  std::vector<double> field_;
  std::vector<double> next_;
};
