// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <string>

#include <mvm/model/plan.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/queuelayer/wait_graph.hpp>
#include <mvm/run/group_outcome.hpp>

namespace mvm::run {

/// Tasks and queues of a running group as they are now, for `mvm inspect` and `mvm top`. One object
/// on one line; docs/summary.md has the form. `ran`: since the tasks were released.
[[nodiscard]] std::string status_json(const model::Plan& plan, GroupState state, Duration ran,
                                      const queue::GroupWaits& waits,
                                      std::span<const queue::control::Status> statuses);

}  // namespace mvm::run
