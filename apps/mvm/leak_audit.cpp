// SPDX-License-Identifier: GPL-3.0-or-later
#include "leak_audit.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

#include <mvm/base/file.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/build/builder.hpp>
#include <mvm/run/known_group.hpp>
#include <mvm/run/run_directory.hpp>

namespace mvm::cli {
namespace {

namespace fs = std::filesystem;

/// A folder is made first and locked next; nothing younger than this is judged.
constexpr auto kSettlingTime = std::chrono::seconds(1);

/// Files of /proc have no size, so they are read to their end.
std::string read_proc(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  char bytes[4096];
  while (fd && content.size() < 1_MiB .count) {
    const auto got = ::read(fd.get(), bytes, sizeof bytes);
    if (got <= 0) break;
    content.append(bytes, static_cast<std::size_t>(got));
  }
  return content;
}

fs::path proc(pid_t pid) {
  return text("/proc/", pid);
}

std::string name_of(pid_t pid) {
  auto name = read_proc(proc(pid) / "comm");
  while (name.ends_with('\n')) name.pop_back();
  return name;
}

/// 0 when the process is gone.
pid_t parent_of(pid_t pid) {
  const auto words = read_proc(proc(pid) / "stat");
  const auto bracket = words.rfind(')');  // the name before it may hold anything
  if (bracket == std::string::npos || bracket + 4 > words.size()) return 0;
  pid_t parent = 0;
  std::from_chars(words.data() + bracket + 4, words.data() + words.size(), parent);
  return parent;
}

/// The group that a process was started for, from its environment.
std::optional<std::string> group_of(pid_t pid) {
  const auto words = read_proc(proc(pid) / "environ");
  constexpr std::string_view kName = "MVM_GROUP=";
  for (std::size_t at = 0; at < words.size();) {
    const auto end = std::min(words.find('\0', at), words.size());
    const std::string_view word(words.data() + at, end - at);
    if (word.starts_with(kName)) return std::string(word.substr(kName.size()));
    at = end + 1;
  }
  return {};
}

bool has_queue_vm_above(pid_t pid) {
  while ((pid = parent_of(pid)) > 1) {
    if (name_of(pid) == "mvmq") return true;
  }
  return false;
}

/// Why a process is a leak, or nothing.
std::optional<std::string> process_leak(pid_t pid) {
  if (name_of(pid) == "mvmq") {
    // Given to process 1, whoever started it is gone; process 1 itself may be one of us.
    const bool orphan = parent_of(pid) == 1 && !name_of(1).starts_with("mvm");
    if (orphan) return "a queue VM without the program that started it";
    return {};
  }
  const auto group = group_of(pid);
  if (!group || has_queue_vm_above(pid)) return {};
  return text("a task of ", *group, " without its queue VM");
}

/// Judged again through a descriptor, which cannot come to mean another process.
Result<void> end_process(pid_t pid) {
  const UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd || !process_leak(pid)) return {};
  if (::syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return fail_system("end process ", pid);
  }
  return {};
}

void find_processes(std::vector<Leak>& leaks) {
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const auto name = entry->path().filename().string();
    pid_t pid = 0;
    const auto [last, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failure != std::errc() || last != name.data() + name.size()) continue;
    struct stat status{};
    if (::stat(entry->path().c_str(), &status) != 0 || status.st_uid != ::geteuid()) continue;
    if (auto why = process_leak(pid)) {
      leaks.push_back({"process", name, std::move(*why), [pid] { return end_process(pid); }});
    }
  }
}

/// A descriptor that holds the folder's lock, when nobody living has it.
std::optional<UniqueFd> take_lock(const fs::path& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return fd;
}

bool has_settled(const fs::path& folder) {
  std::error_code error;
  const auto changed = fs::last_write_time(folder, error);
  return !error && fs::file_time_type::clock::now() - changed > kSettlingTime;
}

Result<void> remove_unlocked(const fs::path& folder) {
  const auto lock = take_lock(folder);
  if (!lock) return {};  // somebody lives there after all
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) return fail(ErrorCode::kSystem, "remove ", folder.string(), ": ", error.message());
  return {};
}

void find_runtime_folders(std::vector<Leak>& leaks) {
  std::error_code error;
  for (fs::directory_iterator entry(runtime_folder(), error), end; !error && entry != end;
       entry.increment(error)) {
    const auto folder = entry->path();
    if (!has_settled(folder) || !take_lock(folder)) continue;
    leaks.push_back({"runtime folder", folder.string(), "nobody holds its lock",
                     [folder] { return remove_unlocked(folder); }});
  }
}

void find_work_folders(std::vector<Leak>& leaks) {
  for (const auto& known : run::known_groups()) {
    std::error_code error;
    if (known.state == run::GroupState::kRunning || !fs::exists(known.path / "work", error)) {
      continue;
    }
    leaks.push_back({"work folder", (known.path / "work").string(),
                     text("group ", known.group, " has ended (", to_string(known.state), ")"),
                     [path = known.path]() -> Result<void> {
                       const auto cleared = run::clear_lost_work(path);
                       if (!cleared) return fail(cleared.error());
                       return {};
                     }});
  }
}

void find_abandoned_builds(std::vector<Leak>& leaks) {
  const auto settings = build::default_build_settings();
  for (const auto& folder : build::abandoned_builds(settings.cache)) {
    leaks.push_back({"build", folder.string(), "its build was killed",
                     [cache = settings.cache, limit = settings.cache_limit]() -> Result<void> {
                       build::sweep_cache(cache, limit);
                       return {};
                     }});
  }
}

}  // namespace

std::vector<Leak> find_leaks() {
  std::vector<Leak> leaks;
  find_processes(leaks);
  find_runtime_folders(leaks);
  find_work_folders(leaks);
  find_abandoned_builds(leaks);
  return leaks;
}

}  // namespace mvm::cli
