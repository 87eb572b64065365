// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/plan.hpp>

#include "gaps.hpp"

namespace mvm::model {

/// What `make_plan` would complain about, without placing a task: machines, queue rules, the words
/// of tasks. For a topology with gaps. The limits of a machine depend on the placement, so only
/// `make_plan` judges them.
[[nodiscard]] Diagnostics check_plan(const Profile& profile, const Topology& topology,
                                     const Gaps& gaps, const std::vector<std::uint32_t>& cores);

/// Commands whose input or output port no task of the job has.
[[nodiscard]] Diagnostics check_commands(const Profile& profile, const Topology& topology,
                                         const Gaps& gaps);

}  // namespace mvm::model
