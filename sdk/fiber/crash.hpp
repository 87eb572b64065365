// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mvm::fiber {

/// From now on a signal that a fault raises is told as the running task's, with what all tasks had
/// not flushed, before it ends the worker.
void watch_for_crashes();

}  // namespace mvm::fiber
