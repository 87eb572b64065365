// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/build/builder.hpp>

#include "build_cache.hpp"
#include "build_inputs.hpp"
#include "command_line.hpp"

namespace mvm::build {

/// All that the units of one job share while they are compiled. Refers to its builder's objects.
struct UnitSurroundings {
  const BuildSettings& settings;
  const Compiler& compiler;
  const CommandLine& command;
  const JobFolder& folder;
  const std::vector<std::filesystem::path>& include_folders;
  const BuildCache& cache;
  FileDigests& digests;
  const WorkFolder& work;
  const CacheEntry* header;  ///< precompiled; null: there is none
};

/// One translation unit: its source, and whether it may start from the precompiled header.
struct Unit {
  InputFile source;
  bool may_start = false;
};

/// Compiles the units in parallel, or finds their objects in the cache; in the units' order. After
/// the first failure no further compiler is started; the error holds the diagnostics of all that
/// failed. `done` is called from the calling thread, with the number of finished units.
[[nodiscard]] Result<std::vector<CacheEntry>> compile_units(
    const UnitSurroundings& around, const std::vector<Unit>& units,
    const std::function<void(unsigned)>& done);

}  // namespace mvm::build
