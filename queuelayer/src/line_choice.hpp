// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/line_handover.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// A direct line that a task of this machine can have.
struct LineChoice {
  std::uint64_t name = 0;     ///< the least id of its channels; the same on both machines
  std::uint32_t task = 0;     ///< position in the plan
  std::uint32_t machine = 0;  ///< the other one
  LineChannels channels;
};

/// The lines that the tasks of this machine can have, as far as the limits go: for plain queues
/// over direct links between two tasks on different machines, of which the one here is a process. A
/// channel that leads away shares its line with one that leads back. Whether the other machine can
/// have it, too, it says when it is asked.
[[nodiscard]] std::vector<LineChoice> choose_lines(const WiringPlan& plan, const Arena& arena);

}  // namespace mvm::queue
