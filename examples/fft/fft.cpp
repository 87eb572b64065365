// SPDX-License-Identifier: Apache-2.0

// One Fourier transform, in place over a hypercube: task r swaps its block with the task at the
// other end of d0, then of d1, and so on. It ends with its part of the spectrum in spectrum.csv.

#include <mvm/job.hpp>

#include <cstddef>
#include <cstdio>
#include <string>

#include "fourier.hpp"
#include "tones.hpp"

namespace {

/// Both ends send what they have, and each keeps its half of the butterfly.
void exchange(mvm::Port& partner, Block& mine, std::size_t row, unsigned d) {
  partner.send(mine);
  const auto message = partner.receive<mvm::Message>();
  const auto theirs = message.view<Complex>();
  const bool upper = (row >> d & 1) != 0;
  butterfly(upper ? theirs.data() : mine.data(), upper ? mine.data() : theirs.data(), row, d,
            mine.data(), mine.size());
}

/// One line for each frequency: its number, real and imaginary part. Tells the loud ones.
void write_spectrum(const Block& block, std::size_t first_frequency, std::size_t n) {
  std::FILE* csv = std::fopen("spectrum.csv", "w");
  if (csv == nullptr) throw mvm::error("cannot write spectrum.csv");
  for (std::size_t q = 0; q < block.size(); ++q) {
    const std::size_t frequency = first_frequency + q;
    std::fprintf(csv, "%zu,%.17g,%.17g\n", frequency, block[q].real(), block[q].imag());
    const double amplitude = std::abs(block[q]) / static_cast<double>(n);
    if (amplitude > 0.1) std::printf("frequency %zu: amplitude %.3f\n", frequency, amplitude);
  }
  if (std::fclose(csv) != 0) throw mvm::error("cannot write spectrum.csv");
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::size_t n = std::stoul(job.arguments().at(0));
  const std::size_t row = job.index();

  Block block = first_block([n](std::size_t i) { return tones(i, n); }, n, row, job.count());
  for (unsigned d = 0; d < log2_of(job.count()); ++d) {
    exchange(job.port(std::string("d").append(std::to_string(d))), block, row, d);
  }
  write_spectrum(block, row * block.size(), n);
}
