// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/plan.hpp>

namespace mvm::model {

/// Makes plan.wiring from topology, machines and placement: every edge a channel, except that a
/// shared spread makes one channel of all edges that leave one port by one link; then ports and
/// send groups for each task, the ports open to the outside, and the teams. Complaints are
/// returned; with any, `plan.wiring` is not to be used.
[[nodiscard]] Diagnostics wire(const Profile& profile, Plan& plan);

}  // namespace mvm::model
