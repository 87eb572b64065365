// SPDX-License-Identifier: Apache-2.0

// Sends one large message when it is told to.

#include <mvm/job.hpp>

#include <string>

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::string large(std::stoul(job.arguments().at(0)), 'x');
  job.port("go").receive<char>();
  job.port("out").send(large);
}
