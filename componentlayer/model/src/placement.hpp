// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/plan.hpp>

namespace mvm::model {

/// The machines that a profile asks for, with the host's cores divided among them. Where machines
/// name their cpus=, each gets that many; else all share the cores as evenly as possible. When
/// there are more machines than cores, they take turns. Errors: a kind that does not exist, more
/// cpus than there are, no machine at all.
[[nodiscard]] std::expected<std::vector<PlannedMachine>, Diagnostics> plan_machines(
    const Profile& profile, const std::vector<std::uint32_t>& cores);

/// Sets the machine and core of every task, and the figures, from topology and machines.
void place_tasks(const Profile& profile, Plan& plan);

}  // namespace mvm::model
