// SPDX-License-Identifier: Apache-2.0

// Sends probes one by one, then large messages as fast as the link takes them.

#include <mvm/job.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "probe.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto probes = std::stoul(job.arguments().at(0));
  const auto block = std::stoul(job.arguments().at(1));
  const auto blocks = std::stoul(job.arguments().at(2));

  mvm::Port& out = job.port("out");
  mvm::Port& back = job.port("back");
  for (unsigned long i = 0; i < probes; ++i) {
    out.send(Probe{seconds_now()});
    // A probe that the link lost is never answered.
    (void)back.receive_for<char>(std::chrono::seconds(2));
  }
  const std::vector<std::byte> bytes(block);
  for (unsigned long i = 0; i < blocks; ++i) out.send(bytes);
}
