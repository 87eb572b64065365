// SPDX-License-Identifier: GPL-3.0-or-later
#include "placement.hpp"

#include <algorithm>
#include <numeric>

#include <mvm/model/partition.hpp>

namespace mvm::model {

namespace {

/// The only kind whose machines need nothing made: a queue VM as a process of this host.
constexpr std::string_view kProcessKind = "process";

/// Hands out runs of adjacent cores, from the first again when they are used up.
class CoreDealer {
 public:
  explicit CoreDealer(const std::vector<std::uint32_t>& cores) : cores_(cores) {}

  std::vector<std::uint32_t> take(std::uint32_t count) {
    if (next_ + count > cores_.size()) next_ = 0;
    const auto first = cores_.begin() + static_cast<std::ptrdiff_t>(next_);
    next_ += count;
    return {first, first + count};
  }

 private:
  const std::vector<std::uint32_t>& cores_;
  std::size_t next_ = 0;
};

using Assignment = std::vector<std::uint32_t>;

/// The part of each of `vertices`: by edges, dealt out in turn, or each part filled before the
/// next.
Assignment assign(const Topology& topology, const std::vector<std::uint32_t>& vertices,
                  const std::vector<std::uint32_t>& shares, PlacementBy by) {
  const auto count = static_cast<std::uint32_t>(vertices.size());
  if (by == PlacementBy::kTopology) return partition(topology, vertices, shares);
  Assignment parts(count);
  if (by == PlacementBy::kRoundRobin) {
    for (std::uint32_t v = 0; v < count; ++v) {
      parts[v] = v % static_cast<std::uint32_t>(shares.size());
    }
    return parts;
  }
  const auto quota = quotas(count, shares);
  std::size_t filled = 0;
  for (std::uint32_t part = 0; part < quota.size(); ++part) {
    std::fill_n(parts.begin() + static_cast<std::ptrdiff_t>(filled), quota[part], part);
    filled += quota[part];
  }
  return parts;
}

/// Tasks of one machine to its cores, so that heavy edges stay on a core or near it.
void pin_tasks(Plan& plan, std::uint32_t machine, const PolicyModel& policy) {
  const auto& cores = plan.machines[machine].cores;
  if (cores.empty()) return;
  std::vector<std::uint32_t> tasks;
  for (std::uint32_t v = 0; v < plan.machine_of.size(); ++v) {
    if (plan.machine_of[v] == machine) tasks.push_back(v);
  }
  const auto parts =
      assign(plan.topology, tasks, std::vector<std::uint32_t>(cores.size(), 1), policy.placement);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    plan.share_of[tasks[i]] = parts[i];
    if (policy.pin) plan.core_of[tasks[i]] = static_cast<std::int32_t>(cores[parts[i]]);
  }
}

bool has_fibers(const Profile& profile) {
  return std::ranges::any_of(profile.jobs,
                             [](const auto& job) { return job.execution == Execution::kFiber; });
}

PlanFigures count_figures(const Plan& plan) {
  const auto machines = static_cast<std::uint32_t>(plan.machines.size());
  PlanFigures figures;
  figures.tasks = plan.topology.vertices.size();
  figures.edges = plan.topology.edges.size();
  for (const auto& edge : plan.topology.edges) {
    if (plan.machine_of[edge.from] != plan.machine_of[edge.to]) {
      ++figures.edges_cut;
      figures.weight_cut += edge.weight;
    } else if (plan.core_of[edge.from] != plan.core_of[edge.to]) {
      ++figures.core_edges_cut;
    }
    if (edge.from % machines != edge.to % machines) ++figures.round_robin_edges_cut;
  }
  return figures;
}

}  // namespace

std::expected<std::vector<PlannedMachine>, Diagnostics> plan_machines(
    const Profile& profile, const std::vector<std::uint32_t>& cores) {
  auto statements = profile.machines;
  if (statements.empty()) statements.emplace_back();
  Diagnostics complaints;
  std::uint64_t count = 0;
  for (const auto& statement : statements) {
    const auto& place = statement.place;
    count += statement.count;
    if (statement.kind != kProcessKind) {
      complaints.push_back({place.file, place.line,
                            text("machines of kind '", statement.kind,
                                 "' do not exist in this version: use kind=\"process\"")});
    }
    if (statement.cpus && !cores.empty() && *statement.cpus > cores.size()) {
      complaints.push_back({place.file, place.line,
                            text("machines of ", *statement.cpus, " cpus, but only ", cores.size(),
                                 " cores are usable here: lower cpus=, or leave it out")});
    }
    if (statement.cpus && *statement.cpus == 0) {
      complaints.push_back({place.file, place.line, "a machine has at least one of cpus="});
    }
    if (statement.count == 0) {
      complaints.push_back({place.file, place.line, "a cluster has at least one of count="});
    }
    if (count > kMaxMachines && count - statement.count <= kMaxMachines) {
      complaints.push_back({place.file, place.line,
                            text("the cluster has ", count, " machines up to here; at most ",
                                 kMaxMachines, " are possible: lower count=")});
    }
  }
  if (!complaints.empty()) return std::unexpected(std::move(complaints));

  CoreDealer dealer(cores);
  const auto available = cores.size();
  std::vector<PlannedMachine> machines;
  for (const auto& statement : statements) {
    for (std::uint32_t i = 0; i < statement.count; ++i) {
      const auto number = machines.size();
      const auto even = available * (number + 1) / count - available * number / count;
      const auto wanted = statement.cpus ? *statement.cpus : std::max<std::uint64_t>(even, 1);
      const auto own = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, available));
      machines.push_back({statement.kind, text('m', number), dealer.take(own), statement.memory,
                          statement.cpus.value_or(1)});
    }
  }
  return machines;
}

void place_tasks(const Profile& profile, Plan& plan) {
  const auto& policy = profile.policy;
  const auto tasks = static_cast<std::uint32_t>(plan.topology.vertices.size());
  std::vector<std::uint32_t> all(tasks);
  std::iota(all.begin(), all.end(), 0u);
  std::vector<std::uint32_t> shares;
  for (const auto& machine : plan.machines) shares.push_back(machine.share);
  plan.machine_of = assign(plan.topology, all, shares, policy.placement);
  plan.core_of.assign(tasks, -1);
  plan.share_of.assign(tasks, 0);
  if (policy.pin || has_fibers(profile)) {
    for (std::uint32_t m = 0; m < plan.machines.size(); ++m) pin_tasks(plan, m, policy);
  }
  plan.figures = count_figures(plan);
}

}  // namespace mvm::model
