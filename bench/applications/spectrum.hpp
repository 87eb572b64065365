// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../../examples/fft/fourier.hpp"

/// exp(-2*pi*i * k/n) for k = 0, step, 2*step, …, as products of two short lists, which stay in the
/// nearest cache where one long list would not.
class Turns {
 public:
  static constexpr std::size_t kShort = 1024;

  Turns(std::size_t count, std::size_t step, std::size_t n) {
    for (std::size_t i = 0; i < std::min(count, kShort); ++i) fine_.push_back(turn(i * step, n));
    for (std::size_t i = 0; i < count; i += kShort) coarse_.push_back(turn(i * step, n));
  }

  /// Calls use(i, turn) for all of them, in order.
  template <typename Use>
  void each(Use&& use) const {
    for (std::size_t part = 0; part < coarse_.size(); ++part) {
      const Complex coarse = coarse_[part];
      for (std::size_t i = 0; i < fine_.size(); ++i) use(part * kShort + i, coarse * fine_[i]);
    }
  }

 private:
  Block fine_, coarse_;
};

/// The transform of examples/fft again and again: what does not depend on the signal is made once.
class Spectrum {
 public:
  Spectrum(std::size_t n, std::size_t row, std::size_t rows)
      : n_(n),
        row_(row),
        rows_(rows),
        twist_(n / rows, reverse_bits(row, log2_of(rows)), n),
        block_(n / rows) {
    const std::size_t residue = reverse_bits(row, log2_of(rows));
    for (std::size_t q = 0; q < block_.size(); ++q) {
      signal_.push_back(std::conj(turn(loud(n) * (residue + q * rows), n)));
      place_.push_back(static_cast<std::uint32_t>(reverse_bits(q, log2_of(block_.size()))));
    }
    for (std::size_t half = 1; half < block_.size(); half *= 2) {
      turns_.emplace_back(half, 1, 2 * half);
    }
  }

  /// One transform. `exchange(d, mine, keep)` sends `mine` to the task whose number differs in bit
  /// `d`, and calls keep(theirs) with what came from there.
  template <typename Exchange>
  void transform(Exchange&& exchange) {
    combine_fours();
    combine(block_.data(), log2_of(block_.size()));
    twist_.each([this](std::size_t q, Complex turn) { block_[q] *= turn; });
    for (unsigned d = 0; d < log2_of(rows_); ++d) {
      exchange(d, block_, [&](const Complex* theirs) {
        const bool upper = (row_ >> d & 1) != 0;
        butterfly(upper ? theirs : block_.data(), upper ? block_.data() : theirs, row_, d,
                  block_.data(), block_.size());
      });
    }
  }

  /// The signal is a tone, so the spectrum is one number.
  void check() const {
    const auto n = static_cast<double>(n_);
    for (std::size_t q = 0; q < block_.size(); ++q) {
      const double expected = row_ * block_.size() + q == loud(n_) ? n : 0;
      if (std::abs(block_[q] - expected) < 1e-9 * n) continue;
      std::fprintf(stderr, "wrong spectrum: %g at %zu\n", std::abs(block_[q]), q);
      std::exit(3);
    }
  }

 private:
  static constexpr unsigned kNear = 10;  ///< log2 of the points that lie in the nearest cache

  static std::size_t loud(std::size_t n) { return n / 16 + 3; }

  /// The first two stages, whose turns are 1 and -i. Takes the points in their opposite order.
  void combine_fours() {
    for (std::size_t at = 0; at < block_.size(); at += 4) {
      const Complex a = signal_[place_[at]], b = signal_[place_[at + 1]];
      const Complex c = signal_[place_[at + 2]], d = signal_[place_[at + 3]];
      const Complex difference = c - d;
      const Complex turned(difference.imag(), -difference.real());
      block_[at] = a + b + (c + d);
      block_[at + 1] = a - b + turned;
      block_[at + 2] = a + b - (c + d);
      block_[at + 3] = a - b - turned;
    }
  }

  /// The other stages of 2^bits points: halves first, so that most is done in the nearer caches.
  void combine(Complex* block, unsigned bits) const {
    if (bits > kNear) {
      combine(block, bits - 1);
      combine(block + (std::size_t{1} << (bits - 1)), bits - 1);
      return butterflies(block, bits - 1);
    }
    for (unsigned stage = 2; stage < bits; ++stage) {
      for (std::size_t at = 0; at < std::size_t{1} << bits; at += std::size_t{2} << stage) {
        butterflies(block + at, stage);
      }
    }
  }

  void butterflies(Complex* __restrict low, unsigned stage) const {
    Complex* __restrict high = low + (std::size_t{1} << stage);
    turns_[stage].each([=](std::size_t i, Complex turn) {
      const Complex below = turn * high[i];
      high[i] = low[i] - below;
      low[i] += below;
    });
  }

  std::size_t n_, row_, rows_;
  Turns twist_;
  std::vector<Turns> turns_;  ///< of each stage
  Block signal_, block_;
  std::vector<std::uint32_t> place_;
};
