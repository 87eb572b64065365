// SPDX-License-Identifier: Apache-2.0
// The same as ../applications/heat.cpp over MPI.
#include <array>
#include <utility>

#include "../applications/plate.hpp"
#include "team_mpi.hpp"

namespace {

struct Border {
  int neighbour;
  int tag;  ///< of what goes there
  Side side;
  std::vector<double> sent, received;
};

std::vector<Border> borders_of(const MpiTeam& team, const Block& block) {
  const Grid grid(team.count());
  const int x = team.rank() % grid.width;
  const int y = team.rank() / grid.width;
  constexpr std::array<std::array<int, 2>, 4> kSteps{{{-1, 0}, {1, 0}, {0, -1}, {0, 1}}};
  std::vector<Border> borders;
  for (int i = 0; i < 4; ++i) {
    const auto [dx, dy] = kSteps[static_cast<std::size_t>(i)];
    if (x + dx < 0 || x + dx >= grid.width || y + dy < 0 || y + dy >= grid.height) continue;
    const Side side = block.sides()[static_cast<std::size_t>(i)];
    const std::vector<double> halo(static_cast<std::size_t>(side.length));
    borders.push_back({(y + dy) * grid.width + x + dx, i, side, halo, halo});
  }
  return borders;
}

bench::Operation steps(const MpiTeam& team, int n) {
  Block block = Grid(team.count()).block(n, team.index());
  auto borders = borders_of(team, block);
  std::vector<MPI_Request> requests(2 * borders.size());
  return {[block = std::move(block), borders = std::move(borders),
           requests = std::move(requests)]() mutable {
    auto request = requests.begin();
    for (auto& [neighbour, tag, side, sent, received] :
         borders) {  // what goes left comes from right
      MPI_Irecv(received.data(), side.length, MPI_DOUBLE, neighbour, tag ^ 1, MPI_COMM_WORLD,
                &*request++);
    }
    for (auto& [neighbour, tag, side, sent, received] : borders) {
      block.copy_edge(side, sent.data());
      MPI_Isend(sent.data(), side.length, MPI_DOUBLE, neighbour, tag, MPI_COMM_WORLD, &*request++);
    }
    MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
    for (const auto& border : borders) block.set_ghosts(border.side, border.received.data());
    block.step();
  }};
}

}  // namespace

int main(int argc, char** argv) {
  MpiTeam team(argc, argv);
  bench::print_cores(team.index());
  bench::measure_all(
      team, argv[1],
      {{"heat.step", [&](std::size_t n) { return steps(team, static_cast<int>(n)); }}});
}
