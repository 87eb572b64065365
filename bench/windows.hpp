// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How every program of bench/compare measures, ours and those of the peers, so that what is
/// compared is the same: windows of about 6 ms, each of as many operations as fit.
///
/// Printed, a line for each metric: "METRIC SIZE BEST QUARTER MEDIAN", the last three in seconds
/// for one operation: of the best window, of the one a quarter behind it, and of the middle one.

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

constexpr double kWindowSeconds = 0.006;
constexpr std::size_t kFewestWindows = 5;
constexpr std::size_t kMostWindows = 15;
constexpr double kMetricSeconds = 0.12;  ///< no more than the fewest windows afterwards
constexpr double kPatienceSeconds = 1;   ///< no more windows afterwards, where operations are slow

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The cores that this process may use.
inline std::vector<int> own_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

/// Deals tasks out over the cores in blocks of neighbours, as the planner of MVM does.
inline void pin(std::size_t task, std::size_t tasks) {
  const auto cores = own_cores();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cores[std::min(task * cores.size() / tasks, cores.size() - 1)], &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

/// Tells where a task runs: bench/compare refuses what was not measured on a core each.
inline void print_cores(std::size_t task) {
  std::string line = "cores " + std::to_string(task);
  for (const int core : own_cores()) line += " " + std::to_string(core);
  line += "\n";  // at once, or lines of several tasks mix
  std::fputs(line.c_str(), stdout);
  std::fflush(stdout);
}

inline void print(std::string_view metric, std::size_t size, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  std::printf("%.*s %zu %.4e %.4e %.4e\n", static_cast<int>(metric.size()), metric.data(), size,
              seconds.front(), seconds[seconds.size() / 4], seconds[seconds.size() / 2]);
  std::fflush(stdout);
}

/// Seconds for one operation in each of several windows. `run(count)` does so many operations and
/// returns how long they took, in seconds.
template <typename Run>
std::vector<double> measure(Run&& run) {
  std::uint64_t count = 1;
  double spent = run(count);
  while (spent < kWindowSeconds / 2 && count < (std::uint64_t{1} << 40)) {
    const double fitting = kWindowSeconds / std::max(spent, 1e-9);
    count = static_cast<std::uint64_t>(static_cast<double>(count) * std::clamp(fitting, 2.0, 16.0));
    spent = run(count);
  }
  count = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(static_cast<double>(count) * kWindowSeconds / spent));
  std::vector<double> windows;
  const double begin = now();
  for (double patience = kPatienceSeconds; windows.size() < kMostWindows;) {
    windows.push_back(run(count) / static_cast<double>(count));
    if (windows.size() >= kFewestWindows) patience = kMetricSeconds;
    if (now() - begin > patience) break;
  }
  return windows;
}

/// "copy.latency:8,copy.rate:64" as metrics and sizes.
struct Metric {
  std::string way;   ///< how messages travel: the name of a channel
  std::string kind;  ///< latency, rate or bandwidth
  std::size_t size;  ///< of a message, in bytes
};
inline std::vector<Metric> parse_metrics(std::string_view list) {
  std::vector<Metric> metrics;
  while (!list.empty()) {
    const auto one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    const auto dot = one.find('.');
    const auto colon = one.find(':', dot);
    if (dot == one.npos || colon == one.npos) {
      std::fprintf(stderr, "'%.*s' is no metric: write WAY.KIND:SIZE\n",
                   static_cast<int>(one.size()), one.data());
      std::exit(2);
    }
    metrics.push_back({std::string(one.substr(0, dot)),
                       std::string(one.substr(dot + 1, colon - dot - 1)),
                       std::stoul(std::string(one.substr(colon + 1)))});
  }
  return metrics;
}

}  // namespace bench
