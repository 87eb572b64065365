// SPDX-License-Identifier: Apache-2.0
// The example heat, as many steps as it takes to measure one.
#include <mvm/job.hpp>

#include <array>
#include <utility>
#include <vector>

#include "../team/team.hpp"
#include "../together.hpp"
#include "plate.hpp"

namespace {

struct Border {
  mvm::Port* port;
  Side side;
};

bench::Operation steps(mvm::Job& job, int n) {
  Block block = Grid(job.count()).block(n, job.index());
  std::vector<Border> borders;
  constexpr std::array kNames{"x-", "x+", "y-", "y+"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (mvm::Port* port = job.find_port(kNames[i])) borders.push_back({port, block.sides()[i]});
  }
  return {[block = std::move(block), borders = std::move(borders)]() mutable {
    for (const auto& [port, side] : borders) {
      auto halo = port->loan<double>(static_cast<std::size_t>(side.length));
      block.copy_edge(side, halo.data());
      port->send(std::move(halo));
    }
    for (const auto& [port, side] : borders) {
      const auto halo = port->receive<mvm::Message>();
      block.set_ghosts(side, halo.view<double>().data());
    }
    block.step();
  }};
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  bench::print_cores(job.index());
  MvmTeam team{job.team()};
  bench::measure_all(
      team, job.arguments().at(0),
      {{"heat.step", [&](std::size_t n) { return steps(job, static_cast<int>(n)); }}});
}
