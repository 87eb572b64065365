// SPDX-License-Identifier: Apache-2.0
// Times collective operations: prints "OPERATION BYTES NANOSECONDS" for each, the median over
// batches of the time that one call takes.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mvm/job.hpp>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kBatches = 9;
constexpr double kBatchNs = 5e7;  ///< at most about so long, where calls are slow

template <typename Call>
void measure(mvm::Job& job, const char* name, std::size_t bytes, int calls, Call&& call) {
  std::vector<double> times;
  int some = 1;
  for (int batch = 0; batch <= kBatches; ++batch) {
    job.barrier();
    const auto begin = Clock::now();
    for (int i = 0; i < some; ++i) call();
    job.barrier();
    const std::chrono::duration<double, std::nano> spent = Clock::now() - begin;
    if (batch > 0) {
      times.push_back(spent.count() / some);
    } else {  // the first warms up
      some = job.broadcast(std::clamp(static_cast<int>(kBatchNs / spent.count()), 1, calls));
    }
  }
  std::nth_element(times.begin(), times.begin() + kBatches / 2, times.end());
  if (job.index() == 0) std::printf("%s %zu %.0f\n", name, bytes, times[kBatches / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int calls = std::stoi(job.arguments().at(0));
  measure(job, "barrier", 0, calls, [&] { job.barrier(); });
  for (const std::size_t length : {1, 1024, 131072}) {
    const int some = length > 100'000 ? std::max(calls / 200, 3) : calls;
    std::vector<double> x(length, 1.0);
    const auto bytes = length * sizeof(double);
    if (length == 1) {
      double value = 1;
      measure(job, "all_reduce", bytes, some, [&] { value = job.all_reduce(value, mvm::max); });
      measure(job, "broadcast", bytes, some, [&] { value = job.broadcast(value); });
      measure(job, "reduce", bytes, some, [&] { job.reduce(value, mvm::max); });
      measure(job, "scan", bytes, some, [&] { job.scan(value, mvm::max); });
      measure(job, "all_gather", bytes, some, [&] { job.all_gather(value); });
      const std::vector<double> blocks(job.count(), 1.0);
      measure(job, "all_to_all", bytes, some, [&] { job.all_to_all(blocks); });
    } else {
      measure(job, "all_reduce", bytes, some, [&] { x = job.all_reduce(x, mvm::max); });
      measure(job, "broadcast", bytes, some, [&] { x = job.broadcast(std::move(x)); });
    }
  }
}
