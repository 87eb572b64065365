// SPDX-License-Identifier: Apache-2.0

// Heat spreads over a square plate. Each task holds one block of it and steps by Jacobi's method:
// a point's next temperature is the mean of its four neighbours. Before each step the tasks
// exchange the edges of their blocks. Where a block touches the plate's edge it has no port, and
// the temperature beyond stays as it was: hot above, cold elsewhere. A torus has no edge at all:
// there, heat that leaves on one side comes back on the other.

#include <mvm/job.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "block.hpp"
#include "patch.hpp"

namespace {

/// Where a block meets a neighbour's.
struct Border {
  mvm::Port* port;
  Side side;
};

/// Those there are: a port is absent where the plate ends.
std::vector<Border> borders(mvm::Job& job, const Block& block) {
  constexpr std::array kNames{"x-", "x+", "y-", "y+"};
  std::vector<Border> found;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (mvm::Port* port = job.find_port(kNames[i])) found.push_back({port, block.sides()[i]});
  }
  return found;
}

void send_edge(const Block& block, const Border& border) {
  auto halo = border.port->loan<double>(static_cast<std::size_t>(border.side.length));
  block.copy_edge(border.side, halo.data());
  border.port->send(std::move(halo));
}

void receive_ghosts(Block& block, const Border& border) {
  const auto halo = border.port->receive<mvm::Message>();
  block.set_ghosts(border.side, halo.view<double>().data());
}

Patch patch_of(const Block& block) {
  const auto columns = block.columns();
  const auto rows = block.rows();
  return {{columns.begin, rows.begin, columns.size(), rows.size()}, block.values()};
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int n = std::stoi(job.arguments().at(0));
  const int side = std::stoi(job.arguments().at(1));
  const int steps = std::stoi(job.arguments().at(2));

  Block block(cut(n, side, static_cast<int>(job.coordinates().at(0))),
              cut(n, side, static_cast<int>(job.coordinates().at(1))), n);
  const auto neighbours = borders(job, block);

  for (int step = 0; step < steps; ++step) {
    // Everybody sends before anybody receives: no circle of tasks can wait for each other.
    for (const Border& border : neighbours) send_edge(block, border);
    for (const Border& border : neighbours) receive_ghosts(block, border);
    block.step();
  }
  job.port("result").send(patch_of(block));
}
