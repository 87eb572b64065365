// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/plan.hpp>

#include <algorithm>
#include <utility>

#include "placement.hpp"
#include "plan_check.hpp"
#include "report.hpp"
#include "team_wiring.hpp"
#include "wiring.hpp"

namespace mvm::model {
namespace {

/// The statements of one port name one time, or none does.
std::vector<OutputPort> output_ports(const Profile& profile) {
  std::vector<OutputPort> outputs;
  for (const auto& open : profile.openings) {
    if (open.enters) continue;
    auto known = std::ranges::find(outputs, open.port, &OutputPort::name);
    if (known == outputs.end()) known = outputs.insert(known, {open.port, kDefaultLinger});
    if (open.linger) known->linger = *open.linger;
  }
  return outputs;
}

}  // namespace

std::expected<Plan, Diagnostics> make_plan(const Profile& profile, Topology topology,
                                           const std::vector<std::uint32_t>& cores,
                                           std::string group) {
  auto machines = plan_machines(profile, cores);
  if (!machines) return std::unexpected(report(check_plan(profile, topology, Gaps(), cores)));
  Plan plan;
  plan.profile = profile.name;
  plan.group = std::move(group);
  plan.topology = std::move(topology);
  plan.machines = *std::move(machines);
  plan.outputs = output_ports(profile);
  // Before anything costs much.
  auto too_large = check_team_size(profile, plan.topology.vertices.size(), plan.machines.size());
  if (!too_large.empty()) return std::unexpected(report(std::move(too_large)));
  place_tasks(profile, plan);
  auto complaints = wire(profile, plan);
  if (complaints.empty()) return plan;
  return std::unexpected(report(std::move(complaints)));
}

}  // namespace mvm::model
