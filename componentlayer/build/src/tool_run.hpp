// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>

namespace mvm::build {

/// What a compiler or linker may use of this host.
struct ToolLimits {
  std::chrono::milliseconds time;
  Bytes memory;     ///< private memory of each of its processes
  int cancel = -1;  ///< readable when the user asks to stop
};

/// One call of a compiler driver.
struct ToolRun {
  std::vector<std::string> arguments;  ///< [0] is the program's path
  std::filesystem::path directory;     ///< where relative names in it start
  std::filesystem::path temporary;     ///< for the tool's own temporary files
  int lock = -1;                       ///< of the work folder; stays open until the tool's end
  std::string what;                    ///< "compiling /a/heat.cpp", for messages
};

/// What may be written in one file by a tool: a mistake in a program can ask for more than any
/// disk holds, `int table[1 << 30] = {1};` being enough.
inline constexpr Bytes kMaxToolFile = 2_GiB;
/// Diagnostics kept of one tool; template errors can grow without end.
inline constexpr Bytes kMaxDiagnostics = 4_MiB;

/// Runs a tool to its end and gives its diagnostics (warnings, when it succeeded). It and all its
/// descendants are gone when this returns, or when the calling process dies.
/// Errors, with the tool's own words: kCompilation (it refuses the source), kCompiler (missing or
/// crashed), kTimedOut, kLimit (memory, file size), kCache (disk full), kInterrupted.
[[nodiscard]] Result<std::string> run_tool(const ToolRun& run, const ToolLimits& limits);

/// What of this process's environment changes what a compiler makes: "NAME=value" words.
[[nodiscard]] std::vector<std::string> compiler_environment();

}  // namespace mvm::build
