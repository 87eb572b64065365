// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <string>

#include <mvm/model/plan.hpp>

#include "number_runs.hpp"

namespace mvm::model {

namespace {

/// "cell[0-7,12] monitor[0]".
std::string tasks_of(const Profile& profile, const queue::WiringPlan& machine) {
  std::vector<NumberRuns> runs(profile.jobs.size());
  for (const auto& task : machine.tasks) runs[task.program].add(task.index);
  std::string words;
  for (std::size_t job = 0; job < runs.size(); ++job) {
    if (runs[job].empty()) continue;
    words += text(words.empty() ? "" : " ", profile.jobs[job].name, "[", runs[job].take(), "]");
  }
  return words;
}

std::string cores_of(const PlannedMachine& machine) {
  NumberRuns runs;
  for (const auto core : machine.cores) runs.add(core);
  return runs.empty() ? "any" : runs.take();
}

using Row = std::array<std::string, 5>;

std::string aligned(const std::vector<Row>& rows) {
  std::array<std::size_t, 5> widths{};
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t c = 0; c + 1 < row.size(); ++c) {
      out += row[c] + std::string(widths[c] - row[c].size() + 2, ' ');
    }
    out += row.back() + "\n";
  }
  return out;
}

/// "1200 tasks are fibers of 2 workers".
std::string fiber_words(const Plan& plan) {
  std::size_t fibers = 0, workers = 0;
  for (const auto& machine : plan.wiring) {
    workers += machine.workers;
    for (const auto& task : machine.tasks) fibers += task.worker ? 1 : 0;
  }
  if (fibers == 0) return {};
  return text(fibers, fibers == 1 ? " task is a fiber of " : " tasks are fibers of ", workers,
              workers == 1 ? " worker\n" : " workers\n");
}

/// "open: jobs -> worker[*].in (shared)".
std::string open_words(const Profile& profile) {
  std::string out;
  for (const auto& open : profile.openings) {
    const auto tasks = open.end.index ? text(*open.end.index) : "*";
    out += text(out.empty() ? "open to programs outside: " : ", ", open.port,
                open.enters ? " to " : " from ", open.end.job, "[", tasks, "].", open.end.port);
  }
  return out.empty() ? out : out + "\n";
}

}  // namespace

std::string plan_table(const Profile& profile, const Plan& plan) {
  std::vector<Row> rows = {{"MACHINE", "KIND", "CORES", "TASKS", "WHICH"}};
  for (std::size_t m = 0; m < plan.machines.size(); ++m) {
    const auto& machine = plan.machines[m];
    rows.push_back({machine.name, machine.kind, cores_of(machine),
                    text(plan.wiring[m].tasks.size()), tasks_of(profile, plan.wiring[m])});
  }
  const auto& figures = plan.figures;
  return aligned(rows) +
         text("\n", figures.tasks, " tasks, ", figures.edges, " edges\n", figures.edges_cut,
              " edges cut between machines (weight ", figures.weight_cut,
              "); dealt out round-robin: ", figures.round_robin_edges_cut, "\n",
              figures.core_edges_cut, " edges between cores of one machine\n") +
         fiber_words(plan) + open_words(profile);
}

}  // namespace mvm::model
