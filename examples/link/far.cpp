// SPDX-License-Identifier: Apache-2.0

// Tells how long probes were under way, and how fast the large messages came.

#include <mvm/job.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "probe.hpp"

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto probes = std::stoul(job.arguments().at(0));
  const auto blocks = std::stoul(job.arguments().at(1));

  std::vector<double> delays;
  std::size_t bytes = 0;
  std::size_t arrived = 0;
  double first_at = 0;
  double last_at = 0;
  while (const auto message = job.port("in").next<mvm::Message>()) {
    if (message->size() == sizeof(Probe)) {
      delays.push_back(seconds_now() - message->as<Probe>().sent_at);
      job.port("back").send('!');
      continue;
    }
    // The first block opens the clock; the others are what passes in its time.
    last_at = seconds_now();
    if (arrived++ == 0) {
      first_at = last_at;
    } else {
      bytes += message->size();
    }
  }

  std::sort(delays.begin(), delays.end());
  if (!delays.empty()) {
    std::printf("latency: median %.3f ms, from %.3f to %.3f ms\n", delays[delays.size() / 2] * 1e3,
                delays.front() * 1e3, delays.back() * 1e3);
  }
  if (last_at > first_at) {
    std::printf("bandwidth: %.3f Mbit/s\n",
                static_cast<double>(bytes) * 8 / 1e6 / (last_at - first_at));
  }
  std::printf("lost: %zu of %lu messages\n", probes - delays.size() + blocks - arrived,
              probes + blocks);
}
