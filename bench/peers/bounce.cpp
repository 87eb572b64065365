// SPDX-License-Identifier: Apache-2.0
// How long a cache line takes from one core to another: two threads, one on each of the first two
// cores, write a number by turns. Prints nanoseconds one way, of the best window but a quarter.
#include <atomic>
#include <thread>

#include "../windows.hpp"

namespace {

constexpr int kWindows = 24;
constexpr std::uint64_t kTurns = 4000;

struct alignas(128) Line {
  std::atomic<std::uint64_t> number{0};
};
Line line;

void wait_for(std::uint64_t number) {
  while (line.number.load(std::memory_order_acquire) != number) {
  }
}

void answer() {
  bench::pin(1, 2);
  for (std::uint64_t i = 0; i < kTurns * kWindows; ++i) {
    wait_for(2 * i + 1);
    line.number.store(2 * i + 2, std::memory_order_release);
  }
}

}  // namespace

int main() {
  std::thread partner(answer);
  bench::pin(0, 2);
  std::vector<double> windows;
  for (std::uint64_t i = 0; i < kWindows * kTurns;) {
    const double begin = bench::now();
    for (std::uint64_t turn = 0; turn < kTurns; ++turn, ++i) {
      line.number.store(2 * i + 1, std::memory_order_release);
      wait_for(2 * i + 2);
    }
    windows.push_back((bench::now() - begin) / kTurns / 2);
  }
  partner.join();
  std::sort(windows.begin(), windows.end());
  std::printf("%.1f\n", windows[windows.size() / 4] * 1e9);
}
