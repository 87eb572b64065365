// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

#include <mvm/base/result.hpp>

namespace mvm::cli {

/// The queue VM that belongs to this program: `mvmq` in the same folder. kNotFound otherwise.
[[nodiscard]] Result<std::filesystem::path> queue_vm_program();

/// The program that runs a job's <command> as a task: `libexec/mvm/mvm-command`, in the build tree
/// and where it is installed. kNotFound otherwise.
[[nodiscard]] Result<std::filesystem::path> command_program();

/// The program that runs tasks as fibers: `mvm-fibers` beside it. kNotFound otherwise.
[[nodiscard]] Result<std::filesystem::path> fiber_program();

}  // namespace mvm::cli
