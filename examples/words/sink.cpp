// SPDX-License-Identifier: Apache-2.0

// Prints the most frequent words, and writes all of them to words.csv.

#include <mvm/job.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "count.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const std::size_t top = std::stoul(job.arguments().at(0));

  std::vector<Count> counts;
  while (auto count = job.port("in").next<Count>()) counts.push_back(*count);
  std::sort(counts.begin(), counts.end(), [](const Count& a, const Count& b) {
    return a.times != b.times ? a.times > b.times : a.word < b.word;
  });

  std::ofstream csv("words.csv");
  for (const Count& count : counts) csv << count.word << ',' << count.times << '\n';
  if (!csv.flush()) throw mvm::error("cannot write words.csv");

  for (std::size_t i = 0; i < std::min(top, counts.size()); ++i) {
    std::printf("%6llu  %s\n", static_cast<unsigned long long>(counts[i].times),
                counts[i].word.c_str());
  }
}
