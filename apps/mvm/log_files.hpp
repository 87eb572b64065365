// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mvm::cli {

/// The logs of one task in a run directory; a path is empty where the task wrote nothing.
struct TaskLogs {
  std::string task;  ///< "cell[3]"
  std::string job;   ///< "cell"
  std::uint32_t index = 0;
  std::filesystem::path output;
  std::filesystem::path errors;
};

/// Of all tasks that wrote something, by job and index.
[[nodiscard]] std::vector<TaskLogs> log_files(const std::filesystem::path& run_directory);

}  // namespace mvm::cli
