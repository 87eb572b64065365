// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <vector>

#include <mvm/base/unique_fd.hpp>
#include <mvm/build/builder.hpp>

#include "build_cache.hpp"
#include "command_line.hpp"

namespace mvm::build {

/// True when a unit means the same if <mvm/job.hpp> is included before everything else: before its
/// own #include of it there are only comments and standard headers. Those are known by having no
/// dot and no slash in their name, and the language says that their order does not matter.
[[nodiscard]] bool may_start_with_job_header(std::string_view source);

/// The precompiled forms of <mvm/job.hpp>, one per compiler and flags. Reading the standard headers
/// is two thirds of compiling a small job. Used from the thread that builds.
class PrecompiledHeaders {
 public:
  PrecompiledHeaders(const BuildSettings& settings, const BuildCache& cache, FileDigests& digests);
  /// Waits for those being made, within the settings' patience, then stops them.
  ~PrecompiledHeaders();
  PrecompiledHeaders(const PrecompiledHeaders&) = delete;
  PrecompiledHeaders& operator=(const PrecompiledHeaders&) = delete;

  /// The header for these options, or nothing when there is none yet.
  [[nodiscard]] std::optional<CacheEntry> find(const CommandLine& command) const;

  /// Starts making it at low priority, unless somebody does already. That it fails is no error: the
  /// units are compiled without it.
  void make_aside(const Compiler& compiler, const model::BuildOptions& options);

 private:
  void make(const Compiler& compiler, const model::BuildOptions& options) const;

  const BuildSettings& settings_;
  const BuildCache& cache_;
  FileDigests& digests_;
  std::set<Digest> started_;
  UniqueFd finished_;  ///< an eventfd that counts the makers that have ended
  UniqueFd stop_;      ///< an eventfd that ends them all
  std::vector<std::jthread> makers_;
};

/// How a unit starts from a precompiled header in the cache.
[[nodiscard]] HeaderStart start_from(const CacheEntry& header);

}  // namespace mvm::build
