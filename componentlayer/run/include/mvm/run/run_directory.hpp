// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

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
///     RUN/waits.json        who waited for whom, when there was a deadlock
///     RUN/deadlock.txt      the same in words
///     RUN/work/m0/cell.3/   working directories; gone when the run has ended
/// and an entry in the user's state folder, so that `mvm logs GROUP` finds it from anywhere.
/// The folder is locked (flock) from its creation until `finish` or the end of the process, however
/// that comes: an unlocked folder without a summary is a lost run.
/// Owned by one process; not thread safe.
class RunDirectory {
 public:
  /// Makes `parent`/`group` (parent defaults to ./mvm-runs, or the state folder where the current
  /// folder is not writable) and registers it. Errors: kSystem, kPermission.
  [[nodiscard]] static Result<RunDirectory> create(const std::string& group,
                                                   const std::filesystem::path& parent);

  /// Absolute, without symbolic links.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::string& group() const { return group_; }
  [[nodiscard]] std::filesystem::path work() const { return path_ / "work"; }      ///< not made
  [[nodiscard]] std::filesystem::path output() const { return path_ / "output"; }  ///< not made

  /// Stores a text file in it: plan.json, profile.mvm.xml.
  [[nodiscard]] Result<void> store(std::string_view name, std::string_view content) const;

  /// Appends to a task's log. Files are opened on the first byte; errors are remembered and told
  /// once by `log_error`, because a full disk must not end a run.
  enum class Stream : std::uint8_t { kOutput, kErrors };
  void append_log(std::string_view task, Stream stream, std::string_view bytes);
  [[nodiscard]] const std::string& log_error() const { return log_error_; }

  /// Writes summary.json, removes `work`, and `output` where nothing was collected, and unlocks.
  [[nodiscard]] Result<void> finish(const GroupOutcome& outcome);

 private:
  struct OpenLog {
    UniqueFd fd;
    std::uint64_t used = 0;  ///< when, counted in appends
  };
  RunDirectory() = default;
  [[nodiscard]] Result<int> open_log(std::string_view task, Stream stream);

  std::filesystem::path path_;
  std::string group_;
  UniqueFd folder_;                                   ///< holds the lock
  std::map<std::string, OpenLog, std::less<>> logs_;  ///< the most recently used ones, by file name
  std::uint64_t appends_ = 0;
  std::string log_error_;
};

inline constexpr const char* kWaitsFile = "waits.json";
inline constexpr const char* kDeadlockFile = "deadlock.txt";

/// Logs kept open at once, so that a group of any size fits the usual limit of 1024 descriptors.
inline constexpr std::size_t kMaxOpenLogs = 256;

/// "cell[3]" as a file name: "cell.3".
[[nodiscard]] std::string file_name_of(std::string_view task);

/// "cell.3.out" or "cell.3.err", below RUN/log.
[[nodiscard]] std::string log_file_name(std::string_view task, RunDirectory::Stream stream);

/// True while the process that created the run directory lives and has not finished the run.
[[nodiscard]] bool is_running(const std::filesystem::path& run_directory);

/// Removes what a killed run left in its `work` folder. Refused (false) while the run lives.
[[nodiscard]] Result<bool> clear_lost_work(const std::filesystem::path& run_directory);

}  // namespace mvm::run
