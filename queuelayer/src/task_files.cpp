// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/task_files.hpp>

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include <mvm/base/log.hpp>

namespace mvm::queue {

namespace fs = std::filesystem;

namespace {

/// A task may write any number of files; only this many are looked at.
constexpr std::size_t kMaxOutputs = 100'000;

bool matches(const TaskSpec& task, const std::string& relative) {
  return std::any_of(task.outputs.begin(), task.outputs.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), relative.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
  });
}

std::vector<fs::path> find_outputs(const TaskSpec& task) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::recursive_directory_iterator at(task.directory, error), end; !error && at != end;
       at.increment(error)) {
    const auto relative = at->path().lexically_relative(task.directory);
    if (!matches(task, relative.string())) continue;
    found.push_back(relative);
    if (at->is_directory(error) && !at->is_symlink(error)) at.disable_recursion_pending();
    if (found.size() == kMaxOutputs) break;
  }
  return found;
}

/// Renames, or copies where the destination is on another file system.
bool move(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  fs::rename(from, to, error);
  if (!error) return true;
  error.clear();
  fs::copy(from, to,
           fs::copy_options::recursive | fs::copy_options::copy_symlinks |
               fs::copy_options::overwrite_existing,
           error);
  if (!error) return true;
  log_error("collect ", from.string(), ": ", error.message());
  return false;
}

}  // namespace

Result<void> prepare_directory(const TaskSpec& task) {
  std::error_code error;
  fs::create_directories(task.directory, error);
  if (error) {
    return fail(ErrorCode::kLaunch, task.name(), ": create folder ", task.directory, ": ",
                error.message());
  }
  for (const auto& input : task.inputs) {
    const auto place = fs::path(task.directory) / fs::path(input).filename();
    fs::copy(input, place, fs::copy_options::recursive | fs::copy_options::overwrite_existing,
             error);
    if (error) {
      return fail(ErrorCode::kLaunch, task.name(), ": stage input ", input, ": ", error.message());
    }
  }
  return {};
}

Result<void> prepare_fiber(const TaskSpec& task) {
  if (!task.inputs.empty()) return prepare_directory(task);
  std::error_code error;
  const auto place = fs::path(task.directory).parent_path();
  fs::create_directories(place, error);
  if (!error) return {};
  return fail(ErrorCode::kLaunch, task.name(), ": create folder ", place.string(), ": ",
              error.message());
}

void collect_outputs(const TaskSpec& task, const std::string& destination) {
  if (task.outputs.empty()) return;
  const auto folder = fs::path(destination) / text(task.job, '.', task.index);
  for (const auto& relative : find_outputs(task)) {
    move(fs::path(task.directory) / relative, folder / relative);
  }
}

void remove_directory(const TaskSpec& task) {
  std::error_code error;
  fs::remove_all(task.directory, error);
  if (error) log_warning("remove ", task.directory, ": ", error.message());
}

}  // namespace mvm::queue
