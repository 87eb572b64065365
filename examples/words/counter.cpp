// SPDX-License-Identifier: Apache-2.0

// Counts words. A word comes always to the same counter, so each count is final.

#include <mvm/job.hpp>

#include <cstdint>
#include <string>
#include <unordered_map>

#include "count.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);

  std::unordered_map<std::string, std::uint64_t> times;
  while (auto word = job.port("in").next<std::string>()) ++times[*word];

  for (const auto& [word, n] : times) job.port("out").send(Count{word, n});
}
