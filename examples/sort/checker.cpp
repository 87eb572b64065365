// SPDX-License-Identifier: Apache-2.0

// Checks a sort without seeing the numbers: every block is sorted, each begins where the one before
// has ended, and together they hold the numbers of the beginning, none lost and none added.

#include <mvm/job.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "report.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);

  std::vector<Report> reports;
  while (auto report = job.port("in").next<Report>()) reports.push_back(*report);
  std::sort(reports.begin(), reports.end(),
            [](const Report& a, const Report& b) { return a.task < b.task; });

  Fingerprint before, after;
  bool sorted = true;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    before += reports[i].before;
    after += reports[i].after;
    sorted = sorted && reports[i].sorted && (i == 0 || reports[i - 1].last <= reports[i].first);
  }

  const bool permutation = before == after;
  std::printf("%llu numbers in %zu blocks: %s, %s\n", static_cast<unsigned long long>(after.count),
              reports.size(), sorted ? "sorted" : "NOT SORTED",
              permutation ? "the same as before" : "NOT THE SAME AS BEFORE");
  return sorted && permutation ? 0 : 1;
}
