// SPDX-License-Identifier: Apache-2.0
// The same as ../applications/sort.cpp over MPI.
#include <memory>

#include "../applications/sorting.hpp"
#include "swap_mpi.hpp"

int main(int argc, char** argv) {
  MpiTeam team(argc, argv);
  bench::print_cores(team.index());
  const auto sort = [&](std::size_t size) {
    auto sorting = std::make_shared<Sorting>(size, team.index(), team.count());
    return bench::Operation{
        [sorting, swap = Swap<std::uint64_t>(team.rank())]() mutable { sorting->sort(swap); }, 1,
        [sorting] { sorting->check(); }};
  };
  bench::measure_all(team, argv[1], {{"sort.block", sort}});
}
