// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/run/group_outcome.hpp>

namespace mvm::run {

/// A group that ran, or runs, for this user on this host.
struct KnownGroup {
  std::string group;
  std::filesystem::path path;  ///< its run directory
  std::chrono::system_clock::time_point started;
  GroupState state = GroupState::kLost;  ///< from its summary; kRunning while its `mvm run` lives
  int exit_status = 0;                   ///< once it has ended
  std::string cause;                     ///< once it has ended
};

/// Enters a run directory into the user's state folder: one symbolic link, named after the group.
[[nodiscard]] Result<void> remember_group(const std::string& group,
                                          const std::filesystem::path& run_directory);

/// All groups of this user, newest first. Forgets those whose run directory was removed.
[[nodiscard]] std::vector<KnownGroup> known_groups();

/// The run directory of a group: by its id, by the beginning of one, by a path, or the newest for
/// an empty `words`. Where several begin so, the one that runs, if only one does. kNotFound with the
/// nearest names.
[[nodiscard]] Result<KnownGroup> find_group(const std::string& words);

/// The same among the groups that run, so that the beginning of an id need not tell it from those
/// that have ended. kNotFound says the state of one that has ended.
[[nodiscard]] Result<KnownGroup> find_running_group(const std::string& words);

}  // namespace mvm::run
