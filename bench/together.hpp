// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Tasks that do the same operations together, while task 0 takes the time. A team is
///
///     struct Team {
///       std::size_t index() const;
///       std::size_t count() const;
///       void barrier();
///       std::uint64_t agree(std::uint64_t value);  // that of task 0, everywhere
///     };

#include <functional>
#include <map>

#include "windows.hpp"

namespace bench {

/// What a team can do, by the metric's name: given a size, the operation, and how many of the
/// things that count each operation is.
struct Operation {
  std::function<void()> run;
  double worth = 1;
  std::function<void()> check = nullptr;  ///< of the last result: ends the program if it is wrong
};
using Operations = std::map<std::string, std::function<Operation(std::size_t size)>>;

/// Seconds for one operation in each of several windows, at task 0; nothing at the others. Windows
/// begin and end with a barrier.
template <typename Team>
std::vector<double> measure_together(Team& team, const std::function<void()>& operation) {
  const auto run = [&](std::uint64_t count) {
    team.barrier();
    const double begin = now();
    for (std::uint64_t i = 0; i < count; ++i) operation();
    team.barrier();
    return now() - begin;
  };
  if (team.index() == 0) {
    auto windows = measure([&](std::uint64_t count) { return run(team.agree(count)); });
    team.agree(0);
    return windows;
  }
  while (const std::uint64_t count = team.agree(0)) run(count);
  return {};
}

/// Measures what `list` names; see `parse_metrics`.
template <typename Team>
void measure_all(Team& team, std::string_view list, const Operations& operations) {
  for (const auto& metric : parse_metrics(list)) {
    const auto name = metric.way + "." + metric.kind;
    const auto found = operations.find(name);
    if (found == operations.end()) {
      std::fprintf(stderr, "nothing here is called '%s'\n", name.c_str());
      std::exit(2);
    }
    const auto operation = found->second(metric.size);
    auto windows = measure_together(team, operation.run);
    for (double& seconds : windows) seconds /= operation.worth;
    if (operation.check) operation.check();
    if (team.index() == 0) print(name, metric.size, std::move(windows));
  }
}

}  // namespace bench
