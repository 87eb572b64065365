// SPDX-License-Identifier: Apache-2.0
// The same as ../applications/fft.cpp over MPI.
#include <memory>

#include "../applications/spectrum.hpp"
#include "swap_mpi.hpp"

int main(int argc, char** argv) {
  MpiTeam team(argc, argv);
  bench::print_cores(team.index());
  const auto transform = [&](std::size_t n) {
    auto spectrum = std::make_shared<Spectrum>(n, team.index(), team.count());
    return bench::Operation{
        [spectrum, swap = Swap<Complex>(team.rank())]() mutable { spectrum->transform(swap); }, 1,
        [spectrum] { spectrum->check(); }};
  };
  bench::measure_all(team, argv[1], {{"fft.transform", transform}});
}
