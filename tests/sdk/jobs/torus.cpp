// SPDX-License-Identifier: Apache-2.0
// A token goes around each row of a torus, while all others sleep; then each task greets all four
// neighbours.
#include <mvm/job.hpp>
#include <string>
#include <vector>

#include "check.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int laps = std::stoi(job.arguments().at(0));
  CHECK_EQUAL(job.coordinates().size(), 2u);
  if (job.coordinates()[0] == 0) job.port("x+").send(0);
  int token = 0;
  for (int lap = 0; lap < laps; ++lap) {
    token = job.port("x-").receive<int>() + 1;
    const bool last = lap + 1 == laps && job.coordinates()[0] == 0;
    if (!last) job.port("x+").send(token);
  }
  const int index = static_cast<int>(job.index());
  for (mvm::Port* port : job.ports()) port->send(index);
  int neighbours = 0;
  for (mvm::Port* port : job.ports()) neighbours += port->receive<int>() >= 0 ? 1 : 0;
  CHECK_EQUAL(neighbours, 4);
}
