// SPDX-License-Identifier: Apache-2.0
// The first of a pipeline ends in the way that its argument says; the others fall to the end of the
// stream, or notice it.
#include <csignal>
#include <mvm/job.hpp>
#include <string>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::string how = job.arguments().at(0);
  if (job.index() == 0) {
    job.port("out").send(1);
    if (how == "fail") return 7;
    if (how == "crash") std::raise(SIGSEGV);
    if (how == "misuse") job.port("in");
    return 0;
  }
  for (;;) {
    const int n = job.port("in").receive<int>();  // nobody catches mvm::closed
    if (auto* out = job.find_port("out")) out->send(n);
  }
}
