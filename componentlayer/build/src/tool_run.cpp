// SPDX-License-Identifier: GPL-3.0-or-later
#include "tool_run.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include <mvm/base/subprocess.hpp>

namespace mvm::build {
namespace {

/// Read by g++ and clang++ in their search for headers, libraries and their own parts.
constexpr std::array kMeaningful = {"CPATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH",
                                    "GCC_EXEC_PREFIX"};
/// Needed to start, without influence on the result.
constexpr std::array kNeeded = {"PATH", "HOME", "LD_LIBRARY_PATH"};

void append_variables(std::vector<std::string>& words, auto&& names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name)) words.push_back(text(name, '=', value));
  }
}

std::vector<std::string> tool_environment(const std::filesystem::path& temporary) {
  auto words = compiler_environment();
  append_variables(words, kNeeded);
  words.push_back(text("TMPDIR=", temporary.native()));
  // One language for the diagnostics: they are cached, and `explain_failure` reads them.
  words.push_back("LC_ALL=C.UTF-8");
  return words;
}

bool mentions(std::string_view words, std::initializer_list<std::string_view> phrases) {
  return std::ranges::any_of(
      phrases, [words](auto phrase) { return words.find(phrase) != std::string_view::npos; });
}

bool ended_by(const Completed& completed, int signal) {
  // The driver reports a signal to its children in words.
  return completed.status.signal == signal || completed.status.code == 128 + signal;
}

/// Tells a source that the compiler refuses from a compiler that could not do its work. There is no
/// interface for that but its words, in the fixed language of `tool_environment`.
Error explain_failure(const ToolRun& run, const ToolLimits& limits, const Completed& completed) {
  const auto& words = completed.errors;
  if (mentions(words, {"No space left on device", "Disk quota exceeded"})) {
    return {ErrorCode::kCache, text(run.what, ": the disk of ", run.temporary.string(),
                                    " is full; make room there, or set MVM_CACHE_DIR to another "
                                    "folder\n",
                                    words)};
  }
  if (ended_by(completed, SIGXFSZ) ||
      mentions(words, {"File size limit exceeded", "File too large"})) {
    return {ErrorCode::kLimit, text(run.what, ": a file grew past ", to_string(kMaxToolFile),
                                    "; does the source define a huge initialised table?\n", words)};
  }
  if (mentions(words, {"out of memory", "virtual memory exhausted", "Cannot allocate memory",
                       "std::bad_alloc", "memory exhausted"})) {
    return {ErrorCode::kLimit,
            text(run.what, ": the compiler needs more than its memory limit of ",
                 to_string(limits.memory), "; split or simplify the source\n", words)};
  }
  if (completed.status.signal != 0 ||
      mentions(words, {"internal compiler error", "PLEASE submit a bug report",
                       "signal terminated program"})) {
    return {ErrorCode::kCompiler, text(run.what, ": ", run.arguments.front(), " crashed (status ",
                                       completed.status.shell_status(),
                                       "); try another compiler or optimize level\n", words)};
  }
  // The compiler's own words and nothing else: editors and people parse them.
  if (!words.empty()) return {ErrorCode::kCompilation, words};
  return {ErrorCode::kCompilation,
          text(run.what, ": ", run.arguments.front(), " failed with status ",
               completed.status.shell_status(), " and no message\n", completed.output)};
}

}  // namespace

std::vector<std::string> compiler_environment() {
  std::vector<std::string> words;
  append_variables(words, kMeaningful);
  return words;
}

Result<std::string> run_tool(const ToolRun& run, const ToolLimits& limits) {
  SpawnRequest request;
  request.arguments = run.arguments;
  request.environment = tool_environment(run.temporary);
  request.directory = run.directory;
  request.data_limit = limits.memory;
  request.file_limit = kMaxToolFile;
  if (run.lock >= 0) request.descriptors.emplace_back(run.lock, 3);
  const auto completed =
      run_guarded(std::move(request), limits.time, kMaxDiagnostics, limits.cancel);
  if (!completed) {
    if (completed.error().code == ErrorCode::kInterrupted) {
      return fail(ErrorCode::kInterrupted, run.what, " was interrupted");
    }
    return fail(ErrorCode::kCompiler, run.what, ": ", completed.error().message);
  }
  if (completed->timed_out) {
    return fail(ErrorCode::kTimedOut, run.what, " took longer than ",
                to_string(Duration(limits.time)),
                " and was stopped; raise the build time limit, or simplify the source");
  }
  if (!completed->status.success()) return fail(explain_failure(run, limits, *completed));
  return completed->errors;
}

}  // namespace mvm::build
