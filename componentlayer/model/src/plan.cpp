// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/plan.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

#include "placement.hpp"
#include "wiring.hpp"

namespace mvm::model {

std::expected<Plan, Diagnostics> make_plan(const Profile& profile, const Topology& topology,
                                           const std::vector<std::uint32_t>& cores,
                                           std::string group) {
  auto machines = plan_machines(profile, cores);
  if (!machines) return std::unexpected(std::move(machines.error()));
  Plan plan;
  plan.profile = profile.name;
  plan.group = std::move(group);
  plan.topology = topology;
  plan.machines = *std::move(machines);
  place_tasks(profile.policy, plan);
  auto complaints = wire(profile, plan);
  if (complaints.empty()) return plan;
  std::ranges::stable_sort(complaints, {}, [](const Diagnostic& complaint) {
    return std::tie(complaint.file, complaint.line);
  });
  return std::unexpected(std::move(complaints));
}

}  // namespace mvm::model
