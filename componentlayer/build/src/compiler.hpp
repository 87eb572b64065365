// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>

#include "build_cache.hpp"
#include "digest.hpp"
#include "tool_run.hpp"

namespace mvm::build {

enum class CompilerFamily : std::uint8_t { kGcc, kClang };

/// A C++ compiler of this host, as it introduces itself.
struct Compiler {
  std::filesystem::path program;  ///< absolute
  CompilerFamily family = CompilerFamily::kGcc;
  Digest identity;                                     ///< path, size, time of change, version
  std::vector<std::filesystem::path> system_includes;  ///< in search order
  std::string linker;                                  ///< for -fuse-ld=; empty: its default
};

/// Finds a compiler by name or path and asks it for its version, search path and linkers. The
/// answer is kept in the cache until the compiler's file changes, because asking takes longer than
/// finding a cached program.
/// Errors: kCompiler when it is missing (with how to get it) or is neither g++ nor clang++; kCache.
[[nodiscard]] Result<Compiler> identify_compiler(const std::string& name, const BuildCache& cache,
                                                 const ToolLimits& limits);

/// What -march=native and its like stand for on this host.
[[nodiscard]] std::string native_cpu();

}  // namespace mvm::build
