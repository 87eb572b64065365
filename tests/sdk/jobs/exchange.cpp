// SPDX-License-Identifier: Apache-2.0
// Exchange with the neighbours of a torus whose queues hold one small message each.
#include <mvm/job.hpp>
#include <string>
#include <vector>

#include "check.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto me = static_cast<int>(job.index());
  for (int round = 0; round < 50; ++round) {
    // Longer than the queue's bytes, now and then.
    const std::size_t length = round % 5 == 0 ? 40'000 : 3;
    int edges = 0;
    const auto arrived = job.exchange([&](mvm::Port& to) {
      ++edges;
      auto row = std::vector<int>(length, me);
      row[0] = static_cast<int>(to.name().front());
      row[1] = round;
      return row;
    });
    CHECK_EQUAL(arrived.size(), job.ports().size());
    CHECK_EQUAL(edges, static_cast<int>(job.ports().size()));
    for (std::size_t i = 0; i < arrived.size(); ++i) {
      CHECK(arrived[i].port == job.ports()[i]);
      const auto& row = arrived[i].value;
      CHECK_EQUAL(row.size(), length);
      // What comes in at x- left at the neighbour's x+.
      CHECK_EQUAL(row[0], static_cast<int>(arrived[i].port->name().front()));
      CHECK_EQUAL(row[1], round);
    }
    for (const auto& each : job.exchange(round)) CHECK_EQUAL(each.value, round);
    for (const auto& each : job.exchange(std::to_string(round))) {
      CHECK_EQUAL(each.value, std::to_string(round));
    }
  }
}
