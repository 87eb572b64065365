// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/known_group.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <mvm/base/diagnostic.hpp>
#include <mvm/base/file.hpp>
#include <mvm/base/id.hpp>
#include <mvm/run/run_directory.hpp>
#include <mvm/run/summary.hpp>

namespace mvm::run {
namespace {

namespace fs = std::filesystem;

fs::path register_folder() {
  return state_folder() / "groups";
}

std::chrono::system_clock::time_point birth_of(const fs::path& entry) {
  struct stat status{};
  if (::lstat(entry.c_str(), &status) != 0) return {};
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::seconds(status.st_mtim.tv_sec) +
          std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
}

/// Fills in what the run directory tells about its group.
void look_up_state(KnownGroup& known) {
  if (is_running(known.path)) {
    known.state = GroupState::kRunning;
    return;
  }
  auto head = read_summary_head(known.path / kSummaryFile);
  if (!head) {
    known.state = GroupState::kLost;
    known.cause = "its 'mvm run' was killed before it could write a summary";
    return;
  }
  known.state = head->state;
  known.exit_status = head->exit_status;
  known.cause = std::move(head->cause);
}

/// A run directory that the user named by its path; it may have been moved since it ran.
Result<KnownGroup> group_at(const fs::path& path) {
  std::error_code error;
  KnownGroup known;
  known.path = fs::canonical(path, error);
  if (error) {
    return fail(ErrorCode::kNotFound, "run directory ", path.string(), ": ", error.message());
  }
  const auto holds = [&](const char* name) {
    return ::access((known.path / name).c_str(), F_OK) == 0;
  };
  if (!holds("plan.json") && !holds(kSummaryFile)) {
    return fail(ErrorCode::kNotFound, path.string(),
                " is not a run directory: it has neither plan.json nor ", kSummaryFile);
  }
  known.group = known.path.filename().string();
  known.started = birth_of(known.path);
  look_up_state(known);
  return known;
}

/// Entries of the register without their states: cheap, newest first.
std::vector<KnownGroup> registered_groups() {
  std::vector<KnownGroup> groups;
  std::error_code error;
  fs::directory_iterator entries(register_folder(), error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const auto& entry = entries->path();
    KnownGroup known;
    known.group = entry.filename().string();
    std::error_code unreadable;
    known.path = fs::read_symlink(entry, unreadable);
    if (unreadable || !is_group_id(known.group)) continue;
    if (::access(known.path.c_str(), F_OK) != 0 && errno == ENOENT) {
      ::unlink(entry.c_str());
      continue;
    }
    known.started = birth_of(entry);
    groups.push_back(std::move(known));
  }
  std::ranges::sort(groups, [](const KnownGroup& a, const KnownGroup& b) {
    return a.started != b.started ? a.started > b.started : a.group < b.group;
  });
  return groups;
}

std::vector<KnownGroup> running_groups(const std::string& words) {
  std::vector<KnownGroup> running;
  for (auto& known : registered_groups()) {
    if (!known.group.starts_with(words)) continue;
    look_up_state(known);
    if (known.state == GroupState::kRunning) running.push_back(std::move(known));
  }
  return running;
}

}  // namespace

Result<void> remember_group(const std::string& group, const fs::path& run_directory) {
  const auto entry = register_folder() / group;
  if (::symlink(run_directory.c_str(), entry.c_str()) == 0) return {};
  if (errno == ENOENT) {  // the user's first run
    if (auto made = make_folder(register_folder()); !made) return made;
    if (::symlink(run_directory.c_str(), entry.c_str()) == 0) return {};
  }
  return fail_system("register ", entry.string());
}

std::vector<KnownGroup> known_groups() {
  auto groups = registered_groups();
  for (auto& known : groups) look_up_state(known);
  return groups;
}

Result<KnownGroup> find_group(const std::string& words) {
  if (words.find('/') != std::string::npos || words == "." || words == "..") return group_at(words);
  auto groups = registered_groups();
  if (groups.empty()) {
    return fail(ErrorCode::kNotFound, "no group has run yet; start one with 'mvm run PROFILE'");
  }
  std::vector<std::string> names;
  std::vector<const KnownGroup*> matches;
  for (const auto& known : groups) {
    names.push_back(known.group);
    if (known.group == words) {
      matches = {&known};
      break;
    }
    if (known.group.starts_with(words)) matches.push_back(&known);
  }
  if (words.empty()) matches = {&groups.front()};
  if (matches.empty()) {
    return fail(ErrorCode::kNotFound, "group '", words, "' is not known",
                did_you_mean(words, names), "; 'mvm list' shows all");
  }
  if (matches.size() > 1) {
    if (auto running = running_groups(words); running.size() == 1) return running.front();
    return fail(ErrorCode::kNotFound, "'", words, "' fits ", matches.size(), " groups, the newest ",
                matches[0]->group, " and ", matches[1]->group, "; give more of the name");
  }
  auto found = *matches.front();
  look_up_state(found);
  return found;
}

Result<KnownGroup> find_running_group(const std::string& words) {
  if (auto running = running_groups(words); running.size() == 1) return running.front();
  auto found = find_group(words);
  if (!found || found->state == GroupState::kRunning) return found;
  return fail(ErrorCode::kNotFound, "group ", found->group, " does not run any more, it is ",
              to_string(found->state), "; 'mvm inspect ", found->group, "' shows how it ended");
}

}  // namespace mvm::run
