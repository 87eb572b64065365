// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// That a plan whose lengths and enumerations are within limits holds together: every index leads
/// somewhere, names are unique and safe to use in paths, and ports and channels tell the same
/// story. kInvalidPlan names the first object that does not. Time: n log n in ends of channels.
[[nodiscard]] Result<void> check_references(const WiringPlan& plan);

}  // namespace mvm::queue
