// SPDX-License-Identifier: Apache-2.0
// Everybody receives before they send.
#include <mvm/job.hpp>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int turn = job.port("prev").receive<int>();
  job.port("next").send(turn + 1);
}
