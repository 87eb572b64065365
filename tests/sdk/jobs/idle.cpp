// SPDX-License-Identifier: Apache-2.0
// Many wait for one that takes its time: in `receive`, in `receive_any`, with a time limit, and for
// room in a queue.
#include <chrono>
#include <mvm/job.hpp>
#include <string>
#include <thread>

#include "check.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  if (job.name() == "slow[0]") {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    for (int i = 0; i < 4; ++i) job.port("out").send(i);
    while (job.port("in").next<int>()) {
    }
    return 0;
  }
  switch (job.index() % 4) {
    case 0:
      job.port("in").receive<int>();
      break;
    case 1:
      job.receive_any();
      break;
    case 2:
      CHECK(job.port("in").receive_for<int>(std::chrono::hours(1)));
      break;
    default:
      for (int i = 0; i < 3; ++i) job.port("out").send(i);  // its queue has room for one
      job.port("in").receive<int>();
  }
}
