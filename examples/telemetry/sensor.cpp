// SPDX-License-Identifier: Apache-2.0

// Reports a reading each millisecond, or as often as its queue lets it.

#include <mvm/job.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <thread>

#include "reading.hpp"

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  mvm::Job job(argc, argv);
  const auto readings = std::stoul(job.arguments().at(0));

  mvm::Port& out = job.port("out");
  const auto start = Clock::now();
  for (std::uint32_t n = 0; n < readings; ++n) {
    std::this_thread::sleep_until(start + std::chrono::milliseconds(n));
    const bool alarm = is_alarm(n);
    const Reading reading{
        static_cast<std::uint32_t>(job.index()), n, alarm ? 1u : 0u, std::sin(n * 0.01),
        std::chrono::duration<double>(Clock::now().time_since_epoch()).count()};
    // Which queues care for priorities stands in the profile.
    out.send(reading, mvm::Priority{alarm ? 3u : 0u});
  }
  const auto took = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("reported for %.1f s\n", took);
}
