// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/topology.hpp>

#include "gaps.hpp"

namespace mvm::model {

/// What `expand_topology` makes of the statements that can be expanded. Each of the others leaves
/// a gap, and a complaint unless it lies over a job whose count is not known, which somebody
/// complained about before.
[[nodiscard]] Topology expand_sound_statements(const Profile& profile, Gaps& gaps,
                                               Diagnostics& complaints);

}  // namespace mvm::model
