// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// Makes a task's working directory and copies its inputs into it. kLaunch names the file.
[[nodiscard]] Result<void> prepare_directory(const TaskSpec& task);
/// For a task that is a fiber: its directory only where it has inputs, else the place for it. Its
/// worker makes it as soon as the task looks for it, which most of thousands never do.
[[nodiscard]] Result<void> prepare_fiber(const TaskSpec& task);

/// Moves the files that match the task's output globs to `destination`/job.index/, keeping their
/// path below the working directory. What cannot be moved is logged: a task's results are never
/// lost because of another's.
void collect_outputs(const TaskSpec& task, const std::string& destination);

/// Removes a task's working directory and all that is left in it.
void remove_directory(const TaskSpec& task);

}  // namespace mvm::queue
