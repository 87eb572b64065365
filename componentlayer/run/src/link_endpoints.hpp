// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/model/plan.hpp>
#include <mvm/run/group_runner.hpp>

namespace mvm::run {

/// Writes into the wiring plans where the queue VMs of a group meet: unix sockets in a folder of
/// the user's runtime folder, which they make and remove, or TCP addresses with keys; and the
/// group's secret. A group on one machine needs only that; addresses of direct links are needed
/// only where a channel wants them. kUsage for an endpoint that does not tell machines apart, or is
/// missing.
[[nodiscard]] Result<void> choose_link_endpoints(model::Plan& plan, const LaunchSettings& settings);

/// `words` with {machine} and {name} replaced for a machine.
[[nodiscard]] std::string for_machine(std::string_view words, std::uint32_t machine);

}  // namespace mvm::run
