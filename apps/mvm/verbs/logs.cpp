// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <map>

#include <mvm/base/unique_fd.hpp>
#include <mvm/run/known_group.hpp>
#include <mvm/run/run_directory.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "log_files.hpp"
#include "tagged_output.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

namespace fs = std::filesystem;

/// How often a follower looks whether the run still lives: a kill -9 makes no event.
constexpr int kLifeCheckMs = 500;

/// Which logs are wanted, and how far each has been printed.
class LogPrinter {
 public:
  LogPrinter(fs::path run_directory, std::string task, bool errors)
      : run_directory_(std::move(run_directory)),
        task_(std::move(task)),
        errors_(errors),
        output_(task_.find('[') == std::string::npos) {}

  /// Prints what is new. False when nobody reads any more.
  [[nodiscard]] bool print_new() {
    for (const auto& logs : log_files(run_directory_)) {
      if (!task_.empty() && logs.task != task_ && logs.job != task_) continue;
      found_ = true;
      const auto& file = errors_ ? logs.errors : logs.output;
      if (!file.empty() && !print_rest(logs, file)) return false;
    }
    return true;
  }

  /// True when at least one wanted task wrote something.
  [[nodiscard]] bool found() const { return found_; }

 private:
  bool print_rest(const TaskLogs& logs, const fs::path& file) {
    auto& offset = printed_[file];
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    char bytes[65536];
    while (fd) {
      const auto got = ::pread(fd.get(), bytes, sizeof bytes, offset);
      if (got <= 0) break;
      offset += got;
      const std::string_view words(bytes, static_cast<std::size_t>(got));
      if (!output_.write(STDOUT_FILENO, logs.task, logs.index, words)) return false;
    }
    return true;
  }

  fs::path run_directory_;
  std::string task_;
  bool errors_;
  TaggedOutput output_;
  std::map<fs::path, off_t> printed_;
  bool found_ = false;
};

/// Prints until the run has ended.
void follow(const fs::path& run_directory, LogPrinter& printer) {
  const UniqueFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  for (;;) {
    // The log folder comes with the first output; watching a folder twice changes nothing.
    ::inotify_add_watch(changes.get(), run_directory.c_str(), IN_CREATE | IN_MOVED_TO);
    ::inotify_add_watch(changes.get(), (run_directory / "log").c_str(), IN_CREATE | IN_MODIFY);
    // Asked before printing, so that what was written before the end is printed after it.
    const bool running = run::is_running(run_directory);
    if (!printer.print_new() || !running) return;
    pollfd wait{changes.get(), POLLIN, 0};
    ::poll(&wait, 1, kLifeCheckMs);
    char events[4096];
    while (::read(changes.get(), events, sizeof events) > 0) {
    }
  }
}

int logs(const Arguments& arguments) {
  auto group = arguments.value("GROUP");
  auto task = arguments.value("TASK");
  // `mvm logs 'cell[3]'`: no group has a bracket in its name.
  if (task.empty() && group.find('[') != std::string::npos &&
      group.find('/') == std::string::npos) {
    std::swap(group, task);
  }
  const auto known = run::find_group(group);
  if (!known) {
    complain("logs", known.error());
    return 1;
  }
  LogPrinter printer(known->path, task, arguments.has("err"));
  if (arguments.has("follow")) {
    follow(known->path, printer);
  } else if (!printer.print_new()) {
    return 1;
  }
  if (!task.empty() && !printer.found()) {
    std::vector<std::string> names;
    for (const auto& written : log_files(known->path)) names.push_back(written.task);
    complain(text("mvm logs: group ", known->group, " has no output of '", task, "'",
                  did_you_mean(task, names)));
    return 1;
  }
  return 0;
}

}  // namespace

Verb logs_verb() {
  return {
      .name = "logs",
      .summary = "Print what the tasks of a group wrote",
      .description = {"Prints the standard output of every task, or of one task or one job, from "
                      "the run directory; each line is tagged with its task unless one task is "
                      "named."},
      .positionals = {{.name = "GROUP",
                       .help = "A group id, the beginning of one, or a run directory. "
                               "Default: the newest group.",
                       .kind = WordKind::kGroup,
                       .required = false},
                      {.name = "TASK",
                       .help = "A task such as 'cell[3]', or a job for all of its tasks.",
                       .kind = WordKind::kTask,
                       .required = false}},
      .options = {{.name = "follow",
                   .letter = 'f',
                   .help = "Go on printing until the group has ended."},
                  {.name = "err", .help = "Print standard error instead of standard output."}},
      .examples = {{"mvm logs", "Everything that the newest group printed."},
                   {"mvm logs heat-3f9c 'cell[3]' --err", "The errors of one task."},
                   {"mvm logs -f 'cell[3]'", "Watch one task of the newest group."}},
      .exits = {{"0", "The logs were printed."},
                {"1", "The group is not known, or the task wrote nothing."},
                {"2", "Wrong usage."}},
      .run = logs,
  };
}

}  // namespace mvm::cli
