// SPDX-License-Identifier: Apache-2.0
// One source, four sinks: how messages spread. The sinks tell a judge what they got.
#include <algorithm>
#include <map>
#include <mvm/job.hpp>
#include <set>
#include <string>
#include <vector>

#include "check.hpp"

constexpr int kMessages = 400;
constexpr int kSinks = 4;
constexpr int kKeys = 40;

void source(mvm::Job& job, const std::string& spread) {
  for (int n = 0; n < kMessages; ++n) {
    if (spread == "hash")
      job.port("out").send(n, mvm::Key{static_cast<std::uint64_t>(n % kKeys)});
    else
      job.port("out").send(n);
  }
}

void sink(mvm::Job& job) {
  std::vector<int> got{static_cast<int>(job.index())};
  while (const auto n = job.port("in").next<int>()) got.push_back(*n);
  job.port("told").send(got);
}

void judge(mvm::Job& job, const std::string& spread) {
  std::vector<std::vector<int>> got(kSinks);
  for (int i = 0; i < kSinks; ++i) {
    auto told = job.port("in").receive<std::vector<int>>();
    const auto sink = static_cast<std::size_t>(told[0]);
    got[sink].assign(told.begin() + 1, told.end());
    CHECK(std::is_sorted(got[sink].begin(), got[sink].end()));
  }
  std::vector<int> times(kMessages);
  std::map<int, std::set<std::size_t>> sinks_of_key;
  for (std::size_t sink = 0; sink < kSinks; ++sink) {
    for (const int n : got[sink]) {
      ++times[static_cast<std::size_t>(n)];
      sinks_of_key[n % kKeys].insert(sink);
    }
  }
  for (const int count : times) CHECK_EQUAL(count, spread == "each" ? kSinks : 1);
  if (spread == "round-robin") {
    for (std::size_t sink = 0; sink < kSinks; ++sink) {
      CHECK_EQUAL(got[sink].size(), std::size_t{kMessages / kSinks});
      for (const int n : got[sink]) CHECK_EQUAL(n % kSinks, static_cast<int>(sink));
    }
  }
  if (spread == "hash") {
    for (const auto& [key, sinks] : sinks_of_key) CHECK_EQUAL(sinks.size(), 1u);
    for (const auto& mine : got) CHECK(!mine.empty());
  }
}

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto& spread = job.arguments().at(0);
  if (job.name() == "source[0]")
    source(job, spread);
  else if (job.name() == "judge[0]")
    judge(job, spread);
  else
    sink(job);
}
