// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "arena_size.hpp"

namespace mvm::queue {

/// Fills fresh memory, all zero and of `size.total()` bytes, with what a plan says: tables, queues,
/// boards. `group_fences`: tasks with a core of their own fence for those who ring them, see
/// waiter.hpp. Errors: kArena.
[[nodiscard]] Result<void> write_arena(std::byte* base, const WiringPlan& plan,
                                       const ArenaSize& size, bool group_fences);

}  // namespace mvm::queue
