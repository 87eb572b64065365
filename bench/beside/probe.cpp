// SPDX-License-Identifier: Apache-2.0

// Tells how long 8 bytes need to the other machine and back, in microseconds: half, nine tenths and
// 99 of 100 were quicker.

#include <mvm/job.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

void measure(mvm::Job& job, const char* when, std::size_t rounds) {
  std::vector<double> times;
  while (times.size() < rounds) {
    const auto began = Clock::now();
    job.port("out").send(0.0);
    job.port("in").receive<double>();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - began).count());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::sort(times.begin(), times.end());
  std::printf("%s %.0f %.0f %.0f\n", when, times[rounds / 2], times[rounds * 9 / 10],
              times[rounds * 99 / 100]);
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto rounds = std::stoul(job.arguments().at(0));
  // The large message is made, and later copied into its queue, on a core that this task needs.
  constexpr std::chrono::seconds kUntilQuiet{3};
  std::this_thread::sleep_for(kUntilQuiet);
  measure(job, "alone", rounds);
  job.port("go").send('!');
  std::this_thread::sleep_for(kUntilQuiet);
  measure(job, "beside", rounds);
}
