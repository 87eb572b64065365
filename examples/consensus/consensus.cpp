// SPDX-License-Identifier: Apache-2.0

// Every task begins with a number of its own, and all end with the mean of all numbers, by nothing
// but talk between neighbours. How many rounds that takes depends on the shape, which this source
// does not know: it uses whatever ports it has.
//
// When to stop? No task sees all values. But the least and the greatest value of a round, passed on
// from neighbour to neighbour, are known everywhere after as many rounds as the shape is wide, and
// no shape is wider than it has tasks. So a message carries what its sender knows of the extremes
// of the last rounds, one for each task there is. The oldest of them is complete, in all tasks at
// the same time: all see the spread fall below the limit together, and stop together.

#include <mvm/job.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace {

/// What is known of the values of one round. In the round itself: the task's own value, twice.
struct Extremes {
  double low, high;
};

/// How much a task moves towards each neighbour: little where either of them has many neighbours.
/// With these weights, by Metropolis and Hastings, the sum of all values stays the same.
std::vector<double> agree_on_weights(mvm::Job& job) {
  const std::size_t mine = job.ports().size();
  for (mvm::Port* port : job.ports()) port->send(mine);

  std::vector<double> weights;
  for (mvm::Port* port : job.ports()) {
    const auto theirs = port->receive<std::size_t>();
    weights.push_back(1.0 / (1.0 + static_cast<double>(std::max(mine, theirs))));
  }
  return weights;
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const double limit = std::stod(job.arguments().at(0));
  const std::vector<double> weights = agree_on_weights(job);

  double value = static_cast<double>(job.index());
  std::vector<Extremes> known;  // of the last rounds, the newest first

  for (std::size_t round = 0;; ++round) {
    known.insert(known.begin(), {value, value});
    for (mvm::Port* port : job.ports()) port->send(known);

    double moved = value;
    for (std::size_t p = 0; p < weights.size(); ++p) {
      const auto message = job.ports()[p]->receive<mvm::Message>();
      const auto theirs = message.view<Extremes>();
      moved += weights[p] * (theirs[0].low - value);
      for (std::size_t age = 0; age < known.size(); ++age) {
        known[age].low = std::min(known[age].low, theirs[age].low);
        known[age].high = std::max(known[age].high, theirs[age].high);
      }
    }
    value = moved;

    if (known.size() == job.count()) {
      if (known.back().high - known.back().low < limit) {
        std::printf("mean %.4f, agreed in round %zu\n", value, round + 1 - job.count());
        return 0;
      }
      known.pop_back();
    }
  }
}
