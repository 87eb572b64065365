// SPDX-License-Identifier: GPL-3.0-or-later
#include "log_files.hpp"

#include <charconv>
#include <map>

#include <mvm/base/text.hpp>

namespace mvm::cli {

namespace fs = std::filesystem;

std::vector<TaskLogs> log_files(const fs::path& run_directory) {
  std::map<std::pair<std::string, std::uint32_t>, TaskLogs> by_task;
  std::error_code error;
  for (fs::directory_iterator entry(run_directory / "log", error), end; !error && entry != end;
       entry.increment(error)) {
    // JOB.INDEX.out or JOB.INDEX.err; anything else was not written by MVM.
    const auto& file = entry->path();
    const auto extension = file.extension();
    const auto name = file.stem().string();
    const auto dot = name.rfind('.');
    if (dot == std::string::npos || (extension != ".out" && extension != ".err")) continue;
    std::uint32_t index = 0;
    const char* const last = name.data() + name.size();
    const auto [stop, failure] = std::from_chars(name.data() + dot + 1, last, index);
    if (failure != std::errc() || stop != last) continue;
    const auto job = name.substr(0, dot);
    auto& logs = by_task[{job, index}];
    logs.task = text(job, "[", index, "]");
    logs.job = job;
    logs.index = index;
    (extension == ".out" ? logs.output : logs.errors) = file;
  }
  std::vector<TaskLogs> all;
  all.reserve(by_task.size());
  for (auto& [key, logs] : by_task) all.push_back(std::move(logs));
  return all;
}

}  // namespace mvm::cli
