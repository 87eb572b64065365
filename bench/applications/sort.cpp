// SPDX-License-Identifier: Apache-2.0
// The example sort, as often as it takes to measure it.
#include <mvm/job.hpp>

#include <memory>

#include "../team/team.hpp"
#include "../together.hpp"
#include "sorting.hpp"
#include "swap.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  bench::print_cores(job.index());
  MvmTeam team{job.team()};
  const auto sort = [&](std::size_t size) {
    auto sorting = std::make_shared<Sorting>(size, job.index(), job.count());
    return bench::Operation{[sorting, swap = Swap(job)] { sorting->sort(swap); }, 1,
                            [sorting] { sorting->check(); }};
  };
  bench::measure_all(team, job.arguments().at(0), {{"sort.block", sort}});
}
