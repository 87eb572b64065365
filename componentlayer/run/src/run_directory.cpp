// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/run_directory.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <mvm/base/file.hpp>
#include <mvm/base/id.hpp>
#include <mvm/base/log.hpp>
#include <mvm/run/known_group.hpp>
#include <mvm/run/summary.hpp>

namespace mvm::run {
namespace {

namespace fs = std::filesystem;

/// The folder that run directories go to. Where the user may not write, say in an installed
/// example, runs go to his state folder rather than nowhere.
Result<fs::path> make_parent(const fs::path& wanted) {
  if (!wanted.empty()) {
    if (auto made = make_folder(wanted); !made) return fail(made.error());
    return wanted;
  }
  const bool writable = ::access(".", W_OK) == 0;
  const fs::path folder = writable ? fs::path("mvm-runs") : state_folder() / "runs";
  if (auto made = make_folder(folder); !made) return fail(made.error());
  return folder;
}

Result<UniqueFd> open_folder(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_system("open ", path.string());
  return fd;
}

Result<void> remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return fail(ErrorCode::kSystem, "remove ", path.string(), ": ", error.message());
  return {};
}

}  // namespace

Result<RunDirectory> RunDirectory::create(const std::string& group, const fs::path& parent) {
  if (!is_group_id(group)) return fail(ErrorCode::kUsage, "'", group, "' is not a group id");
  const auto folder = make_parent(parent);
  if (!folder) return fail(folder.error());
  std::error_code error;
  const auto absolute = fs::canonical(*folder, error);
  if (error) return fail(ErrorCode::kSystem, "resolve ", folder->string(), ": ", error.message());

  RunDirectory directory;
  directory.group_ = group;
  directory.path_ = absolute / group;
  if (::mkdir(directory.path_.c_str(), 0777) != 0) {
    auto failure = system_error(text("create run directory ", directory.path_.string()));
    if (errno == EACCES || errno == EROFS) {
      failure.code = ErrorCode::kPermission;
      failure.message += "; choose another place with --run-dir";
    }
    return fail(std::move(failure));
  }
  auto opened = open_folder(directory.path_);
  if (!opened) return fail(opened.error());
  directory.folder_ = std::move(*opened);
  // Locked before it is registered, so nobody who finds it can take it for a lost one.
  if (::flock(directory.folder_.get(), LOCK_EX) != 0) {
    return fail_system("lock ", directory.path_.string());
  }
  // Without an entry the run is only found by its path: no reason not to run.
  if (auto entered = remember_group(group, directory.path_); !entered) {
    log_warning("'mvm logs ", group, "' will not find this run: ", entered.error().message);
  }
  return directory;
}

Result<void> RunDirectory::store(std::string_view name, std::string_view content) const {
  const std::string file(name);
  const UniqueFd fd(::openat(folder_.get(), file.c_str(),
                             O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!fd) return fail_system("create ", (path_ / file).string());
  auto written = write_all(fd.get(), content);
  if (!written) {
    return fail(written.error().code, (path_ / file).string(), ": ", written.error().message);
  }
  return {};
}

Result<int> RunDirectory::open_log(std::string_view task, Stream stream) {
  const auto name = log_file_name(task, stream);
  const auto found = logs_.find(name);
  if (found != logs_.end()) {
    found->second.used = ++appends_;
    return found->second.fd.get();
  }
  if (logs_.size() >= kMaxOpenLogs) {
    logs_.erase(
        std::ranges::min_element(logs_, {}, [](const auto& entry) { return entry.second.used; }));
  }
  const auto file = "log/" + name;
  const auto open = [&] {
    return ::openat(folder_.get(), file.c_str(),
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  };
  UniqueFd fd(open());
  if (!fd && errno == ENOENT) {  // the first log makes the folder
    ::mkdirat(folder_.get(), "log", 0777);
    fd.reset(open());
  }
  if (!fd) return fail_system("open ", (path_ / file).string());
  auto& entry = logs_[name];
  entry.fd = std::move(fd);
  entry.used = ++appends_;
  return entry.fd.get();
}

void RunDirectory::append_log(std::string_view task, Stream stream, std::string_view bytes) {
  if (bytes.empty()) return;
  const auto fd = open_log(task, stream);
  const auto written = fd ? write_all(*fd, bytes) : Result<void>(fail(fd.error()));
  if (!written && log_error_.empty()) {
    log_error_ = text("the log of ", task, " is not complete: ", written.error().message);
  }
}

Result<void> RunDirectory::finish(const GroupOutcome& outcome) {
  logs_.clear();
  // Written under another name first: a summary is there as a whole or not at all.
  auto done = store("summary.json.new", summary_json(outcome));
  if (done && ::renameat(folder_.get(), "summary.json.new", folder_.get(), kSummaryFile) != 0) {
    done = fail_system("rename to ", (path_ / kSummaryFile).string());
  }
  if (!done) ::unlinkat(folder_.get(), "summary.json.new", 0);
  ::unlinkat(folder_.get(), "output", AT_REMOVEDIR);  // goes only when it is empty
  if (auto removed = remove_tree(work()); !removed && done) done = removed;
  folder_.reset();
  return done;
}

std::string file_name_of(std::string_view task) {
  std::string name;
  for (const char letter : task) {
    if (letter == '[' || letter == '/')
      name += '.';
    else if (letter != ']')
      name += letter;
  }
  return name;
}

std::string log_file_name(std::string_view task, RunDirectory::Stream stream) {
  return file_name_of(task) + (stream == RunDirectory::Stream::kOutput ? ".out" : ".err");
}

bool is_running(const fs::path& run_directory) {
  const auto folder = open_folder(run_directory);
  return folder && ::flock(folder->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<bool> clear_lost_work(const fs::path& run_directory) {
  const auto folder = open_folder(run_directory);
  if (!folder) return fail(folder.error());
  if (::flock(folder->get(), LOCK_EX | LOCK_NB) != 0) return false;
  auto removed = remove_tree(run_directory / "work");
  if (!removed) return fail(removed.error());
  return true;
}

}  // namespace mvm::run
