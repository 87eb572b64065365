// SPDX-License-Identifier: Apache-2.0

// Looks at readings, two milliseconds each, and tells which ones it got, and how old they were.

#include <mvm/job.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "reading.hpp"

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  mvm::Job job(argc, argv);
  const auto expected = std::stoul(job.arguments().at(0));

  std::size_t alarms = 0;
  std::vector<double> ages;
  while (const auto reading = job.port("in").next<Reading>()) {
    const auto now = std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
    ages.push_back(now - reading->taken_at);
    alarms += reading->alarm;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }

  std::sort(ages.begin(), ages.end());
  std::printf("%zu of %lu readings, %zu alarms; they were %.1f ms old, the oldest %.1f ms\n",
              ages.size(), expected, alarms, ages.empty() ? 0 : ages[ages.size() / 2] * 1000,
              ages.empty() ? 0 : ages.back() * 1000);
}
