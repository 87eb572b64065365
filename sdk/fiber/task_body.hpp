// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "fiber.hpp"
#include "image.hpp"

namespace mvm::fiber {

/// The programs that fibers run, in the order of the list; to be set before they do.
void set_programs(std::span<const Program> programs);

/// All of one task, as a fiber: loads its copy of the program, runs its main, ends.
[[noreturn]] void run_task(Fiber& fiber);

// How the running task ends: nothing on its stack is unwound, and its neighbours go on.

/// As by `exit`: functions given to atexit, destructors of static objects, flushed streams.
[[noreturn]] void exit_task(int status);
/// As by `_exit`. What its streams hold is told all the same.
[[noreturn]] void end_task(queue::worker::NewsKind kind, int status);

/// Whether the caller is the running task of this worker, and not a child that was forked.
[[nodiscard]] bool is_task();

}  // namespace mvm::fiber
