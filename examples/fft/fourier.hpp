// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What both FFT examples compute by themselves. A transform of n points over P tasks, both powers
/// of two, goes by decimation in time:
///   1. the task that holds residue s takes x[s], x[s + P], x[s + 2P], … and transforms them: n/P
///      points, no communication;
///   2. it turns value q by exp(-2*pi*i * s*q/n);
///   3. for each q, a transform of P points runs across the tasks, as log2(P) butterflies of whole
///      blocks between pairs of tasks.
/// When the residues are dealt out in bit-reversed order, task r ends with points r*n/P and up.

#include <complex>
#include <cstddef>
#include <utility>
#include <vector>

using Complex = std::complex<double>;
using Block = std::vector<Complex>;

/// exp(-2*pi*i * k/n).
inline Complex turn(std::size_t k, std::size_t n) {
  constexpr double kPi = 3.14159265358979323846;
  return std::polar(1.0, -2.0 * kPi * static_cast<double>(k % n) / static_cast<double>(n));
}

/// The lowest `bits` bits of `value` in opposite order.
inline std::size_t reverse_bits(std::size_t value, unsigned bits) {
  std::size_t reversed = 0;
  for (; bits > 0; --bits, value >>= 1) reversed = reversed << 1 | (value & 1);
  return reversed;
}

/// log2 of a power of two.
inline unsigned log2_of(std::size_t power) {
  unsigned bits = 0;
  while (power >> bits > 1) ++bits;
  return bits;
}

/// Transforms a block in place: the radix-2 algorithm of Cooley and Tukey.
inline void transform(Block& block) {
  const std::size_t n = block.size();
  const unsigned bits = log2_of(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t j = reverse_bits(i, bits);
    if (i < j) std::swap(block[i], block[j]);
  }
  for (std::size_t half = 1; half < n; half *= 2) {
    Block turns(half);
    for (std::size_t i = 0; i < half; ++i) turns[i] = turn(i, 2 * half);
    for (std::size_t start = 0; start < n; start += 2 * half) {
      for (std::size_t i = start; i < start + half; ++i) {
        const Complex above = block[i];
        const Complex below = turns[i - start] * block[i + half];
        block[i] = above + below;
        block[i + half] = above - below;
      }
    }
  }
}

/// Steps 1 and 2 for the task in row `row` of `rows`: `value_at(i)` is point i of the signal.
template <typename Signal>
Block first_block(const Signal& value_at, std::size_t n, std::size_t row, std::size_t rows) {
  const std::size_t residue = reverse_bits(row, log2_of(rows));
  Block block;
  for (std::size_t i = residue; i < n; i += rows) block.push_back(value_at(i));
  transform(block);
  for (std::size_t q = 0; q < block.size(); ++q) block[q] *= turn(residue * q, n);
  return block;
}

/// Step 3: the row keeps its half of a butterfly between two rows that differ in bit `d`, which is
/// clear in the row that held `low` and set in the one that held `high`. `kept` may be either.
inline void butterfly(const Complex* low, const Complex* high, std::size_t row, unsigned d,
                      Complex* kept, std::size_t size) {
  const std::size_t half = std::size_t{1} << d;
  const Complex sign = (row & half) != 0 ? -1.0 : 1.0;  // the lower row: sum, the upper: difference
  const Complex factor = sign * turn(row % half, 2 * half);
  for (std::size_t q = 0; q < size; ++q) kept[q] = low[q] + factor * high[q];
}
