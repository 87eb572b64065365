// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/run/group_outcome.hpp>

namespace mvm::run {

/// What a run leaves behind for its user:
///     RUN/profile.mvm.xml   the profile as it was read
///     RUN/plan.json         the platform specific model
///     RUN/log/cell.3.out    what each task wrote (and .err); absent when it wrote nothing
///     RUN/output/cell.3/…   collected outputs
///     RUN/summary.json      the result, with queue statistics
///     RUN/work/cell.3/      working directories; gone when the run has ended
/// and an entry in the user's state folder, so that `mvm logs GROUP` finds it from anywhere.
/// Owned by one process; not thread safe.
class RunDirectory {
 public:
  /// Makes `parent`/`group` (parent defaults to ./mvm-runs, or the state folder where the current
  /// folder is not writable) and registers it. Errors: kSystem, kPermission.
  [[nodiscard]] static Result<RunDirectory> create(const std::string& group,
                                                   const std::filesystem::path& parent);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::string& group() const { return group_; }
  [[nodiscard]] std::filesystem::path work() const { return path_ / "work"; }
  [[nodiscard]] std::filesystem::path output() const { return path_ / "output"; }

  /// Stores a text file in it: plan.json, profile.mvm.xml.
  [[nodiscard]] Result<void> store(std::string_view name, std::string_view content) const;

  /// Appends to a task's log. Files are opened on the first byte; errors are remembered and told
  /// once by `log_error`, because a full disk must not end a run.
  enum class Stream : std::uint8_t { kOutput, kErrors };
  void append_log(std::string_view task, Stream stream, std::string_view bytes);
  [[nodiscard]] const std::string& log_error() const { return log_error_; }

  /// Writes summary.json and removes `work`.
  [[nodiscard]] Result<void> finish(const GroupOutcome& outcome);

 private:
  std::filesystem::path path_;
  std::string group_;
  std::map<std::string, UniqueFd, std::less<>> logs_;  ///< the most recently used ones
  std::string log_error_;
};

/// "cell[3]" as a file name: "cell.3".
[[nodiscard]] std::string file_name_of(std::string_view task);

/// One known group of this user, newest first.
struct KnownGroup {
  std::string group;
  std::filesystem::path path;
  GroupState state = GroupState::kLost;  ///< from its summary; kRunning while its `mvm run` lives
};
[[nodiscard]] std::vector<KnownGroup> known_groups();

/// The run directory of a group: by its id, by a unique beginning of it, by a path, or the newest
/// for an empty `words`. kNotFound with the nearest names.
[[nodiscard]] Result<KnownGroup> find_group(const std::string& words);

/// The summary as JSON text, one stable form for scripts; documented in docs/summary.md.
[[nodiscard]] std::string summary_json(const GroupOutcome& outcome);

}  // namespace mvm::run
