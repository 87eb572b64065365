// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>
#include <mvm/model/profile.hpp>

namespace mvm::build {

/// Where the builder works and what it may use.
struct BuildSettings {
  std::filesystem::path cache;        ///< folder of the build cache; made when missing
  Bytes cache_limit = 2_GiB;          ///< oldest use goes first when passed
  std::filesystem::path sdk_include;  ///< holds mvm/job.hpp
  std::filesystem::path sdk_library;  ///< holds libmvm.so
  std::string sdk_version;
  std::chrono::milliseconds time_limit = std::chrono::minutes(5);  ///< for one translation unit
  Bytes memory_limit = 4_GiB;  ///< private memory of one compiler process
  unsigned parallel = 0;       ///< compilers at once; 0: the usable cores
  bool colours = false;        ///< diagnostics with terminal colours
  int cancel = -1;             ///< readable when the user asks to stop
  /// How long a builder's destructor waits for a precompiled header that is being made.
  std::chrono::milliseconds header_patience = std::chrono::seconds(2);
};

/// Settings from the environment (MVM_CACHE_DIR, MVM_CACHE_LIMIT) and from where this program is
/// installed, or its build tree.
[[nodiscard]] BuildSettings default_build_settings();

/// What comes out of sources.
enum class Product : std::uint8_t {
  kProgram,  ///< an executable
  kPlugin,   ///< a shared object that tasks load: a user's codec or queue type
  kFiber,    ///< a program as a shared object, of which a worker loads a copy for each task
};

/// What is built: the sources and options of one job or plugin.
struct BuildRequest {
  std::string job;                             ///< or the plugin's name
  std::vector<std::filesystem::path> sources;  ///< absolute; "*.c" is C17, all others are C++
  model::BuildOptions options;
  Product product = Product::kProgram;
};

/// A program or plugin in the cache. It stays there at least until `Builder` that returned it is
/// destroyed.
struct BuiltProgram {
  std::filesystem::path program;
  bool from_cache = false;
  std::chrono::nanoseconds took{0};
  std::string warnings;  ///< the compiler's, when it compiled with some
};

/// Told while building, from the thread that called `build`: the job, units done, units in all.
using BuildProgress = std::function<void(const std::string& job, unsigned done, unsigned all)>;

/// Turns sources into programs through the system's compiler, with a cache addressed by content:
/// sources and every header they reach, flags, compiler identity, SDK version; the CPU as well when
/// a flag says `native`, which is never so by default: a program may move to another machine.
/// Where a job lies does not matter, so a copy of its folder finds the same programs.
///
/// A unit is compiled with -std, -O, -pthread and -g1 (backtraces with names and lines), then the
/// profile's own flags, in the deepest folder that holds all the sources. A unit that includes
/// <mvm/job.hpp> before anything but standard headers starts from a precompiled one, which is made
/// at low priority beside the first build that could have used it.
/// A program for fibers is built in the same way, as NAME.so, with C++'s standard streams in it.
/// A plugin is built in the same way, as NAME.so; a symbol that nobody defines is an error then.
///
/// Several builders, also in several processes, may share one cache; any may be killed at any time.
/// The destructor waits for a precompiled header that is being made, usually 0.3 s after the first
/// build with new flags, and gives it up after `header_patience`.
class Builder {
 public:
  explicit Builder(BuildSettings settings);
  ~Builder();
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  /// Builds one program, or finds it. Errors: kCompilation with the compiler's own diagnostics,
  /// kCompiler (missing, crashed), kTimedOut, kLimit (memory), kCache (disk full, not writable),
  /// kInterrupted, kInvalidProfile (an option that cannot be). Leaves nothing behind but the cache.
  [[nodiscard]] Result<BuiltProgram> build(const BuildRequest& request,
                                           const BuildProgress& progress = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What the cache holds.
struct CacheFigures {
  std::uint64_t programs = 0;
  Bytes size;
};
[[nodiscard]] CacheFigures cache_figures(const std::filesystem::path& cache);

/// Folders that killed builds left in the cache; the next build and `sweep_cache` remove them.
[[nodiscard]] std::vector<std::filesystem::path> abandoned_builds(
    const std::filesystem::path& cache);

/// Removes what killed builds left in the cache, and the oldest programs over the limit.
void sweep_cache(const std::filesystem::path& cache, Bytes limit);

}  // namespace mvm::build
