// SPDX-License-Identifier: Apache-2.0
// The example fft, as often as it takes to measure it.
#include <mvm/job.hpp>

#include <memory>

#include "../team/team.hpp"
#include "../together.hpp"
#include "spectrum.hpp"
#include "swap.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  bench::print_cores(job.index());
  MvmTeam team{job.team()};
  const auto transform = [&](std::size_t n) {
    auto spectrum = std::make_shared<Spectrum>(n, job.index(), job.count());
    return bench::Operation{[spectrum, swap = Swap(job)] { spectrum->transform(swap); }, 1,
                            [spectrum] { spectrum->check(); }};
  };
  bench::measure_all(team, job.arguments().at(0), {{"fft.transform", transform}});
}
