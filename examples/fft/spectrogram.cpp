// SPDX-License-Identifier: Apache-2.0

// The end of the FFT pipeline: collects the parts of all spectra, writes them to spectra.bin
// (complex doubles, one transform after the other), and draws them: time to the right, frequency
// upwards.

#include <mvm/job.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>

#include "../picture.hpp"
#include "part.hpp"

namespace {

/// Loudness as a place on a colour scale: 40 dB from the darkest to the brightest.
double loudness(Complex value, std::size_t n) {
  const double decibel = 20.0 * std::log10(std::abs(value) * 2.0 / static_cast<double>(n) + 1e-9);
  return 1.0 + decibel / 40.0;
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::size_t n = std::stoul(job.arguments().at(0));
  const std::size_t transforms = std::stoul(job.arguments().at(1));

  Block spectra(n * transforms);
  while (auto part = job.port("in").next<Part>()) {
    const auto first = part->place.transform * n + part->place.first_frequency;
    std::copy(part->values.begin(), part->values.end(),
              spectra.begin() + static_cast<std::ptrdiff_t>(first));
  }

  std::ofstream file("spectra.bin", std::ios::binary);
  file.write(reinterpret_cast<const char*>(spectra.data()),
             static_cast<std::streamsize>(spectra.size() * sizeof(Complex)));
  if (!file.flush()) throw mvm::error("cannot write spectra.bin");

  Picture picture(static_cast<int>(transforms), static_cast<int>(n));
  for (std::size_t t = 0; t < transforms; ++t) {
    for (std::size_t frequency = 0; frequency < n; ++frequency) {
      picture.at(static_cast<int>(t), static_cast<int>(n - 1 - frequency)) =
          blend(kFire, loudness(spectra[t * n + frequency], n));
    }
  }
  picture.save("spectrogram.png");
  std::printf("%zu transforms of %zu points, drawn in spectrogram.png\n", transforms, n);
}
