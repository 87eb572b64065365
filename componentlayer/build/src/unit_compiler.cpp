// SPDX-License-Identifier: GPL-3.0-or-later
#include "unit_compiler.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <mvm/base/file.hpp>

#include "precompiled_header.hpp"
#include "tool_run.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

/// A header that changes while it is compiled makes the object worthless; somebody who saves a file
/// every 100 ms must not keep us for ever.
constexpr int kTries = 3;

unsigned usable_cores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return static_cast<unsigned>(std::max(CPU_COUNT(&cores), 1));
}

/// Compiles one unit of a job in its own folder inside the work folder.
class UnitCompiler {
 public:
  UnitCompiler(const UnitSurroundings& around, const Unit& unit, std::size_t number)
      : around_(around), unit_(unit), scratch_(around.work.path() / text("unit-", number)) {}

  Result<CacheEntry> compile() {
    const auto key = this->key();
    if (auto found = around_.cache.find(key, around_.folder, around_.digests)) {
      return std::move(*found);
    }
    if (const auto made = make_folder(prepared()); !made) {
      return fail(around_.cache.cache_error(made.error().message));
    }
    const CacheEntry* header = usable_header();
    for (int tries = 0; tries < kTries; ++tries) {
      const auto started = file_clock_ns();
      auto words = run(header);
      if (!words && header != nullptr && blames(*header, words.error())) {
        header = nullptr;
        words = run(header);
      }
      if (!words) return fail(words.error());
      auto manifest = survey(header);
      if (!manifest) return fail(manifest.error());
      if (changed_while_compiling(*manifest, started)) continue;
      manifest->product = kObject;
      manifest->warnings = std::move(*words);
      return around_.cache.store(key, std::move(*manifest), prepared());
    }
    return fail(ErrorCode::kCompilation, unit_.source.path, ": '", changed_,
                "' changed while it was compiled; build again when it is at rest\n");
  }

 private:
  static constexpr const char* kObject = "unit.o";

  fs::path prepared() const { return scratch_ / "result"; }
  fs::path depfile() const { return scratch_ / "unit.d"; }

  ResultKey key() const {
    return {ResultKind::kObject, Hasher()
                                     .add(around_.command.compile_identity())
                                     .add(around_.folder.portable(unit_.source.path))
                                     .add(unit_.source.digest)
                                     .finish()};
  }

  SearchPath search_path() const {
    SearchPath search{.beside = fs::path(unit_.source.path).parent_path(),
                      .job = around_.include_folders,
                      .system = around_.compiler.system_includes};
    search.system.insert(search.system.begin(), around_.settings.sdk_include);
    return search;
  }

  /// The precompiled header, unless the job's own folders hold a file that would be included in
  /// place of one of its parts.
  const CacheEntry* usable_header() const {
    if (around_.header == nullptr || !unit_.may_start) return nullptr;
    const auto paths =
        shadowing_paths(around_.header->manifest().inputs, search_path(), around_.folder);
    const bool shadowed = std::ranges::any_of(
        paths, [](const auto& path) { return ::access(path.c_str(), F_OK) == 0; });
    return shadowed ? nullptr : around_.header;
  }

  Result<std::string> run(const CacheEntry* header) const {
    std::optional<HeaderStart> start;
    if (header != nullptr) start = start_from(*header);
    return run_tool(
        {.arguments = around_.command.compile(unit_.source.path, prepared() / kObject, depfile(),
                                              start ? &*start : nullptr),
         .directory = around_.folder.path(),
         .temporary = around_.work.path(),
         .lock = around_.work.lock(),
         .what = text("compiling ", unit_.source.path)},
        {around_.settings.time_limit, around_.settings.memory_limit, around_.settings.cancel});
  }

  /// clang refuses a unit when it does not like the precompiled header that we gave to it.
  static bool blames(const CacheEntry& header, const Error& error) {
    return error.message.find(header.folder().native()) != std::string::npos;
  }

  Result<Manifest> survey(const CacheEntry* header) const {
    auto inputs = read_inputs(depfile(), around_.folder, around_.cache.folder(), around_.digests);
    if (!inputs) return fail(inputs.error());
    Manifest manifest;
    manifest.inputs = std::move(*inputs);
    if (header != nullptr) manifest.merge(header->manifest());
    manifest.absent = absent_among(shadowing_paths(manifest.inputs, search_path(), around_.folder),
                                   around_.folder);
    return manifest;
  }

  /// The source is compared by its digest, which was taken before: it may well have been written in
  /// the same tick of the file clock in which the compiler started. Headers are known only now.
  bool changed_while_compiling(const Manifest& manifest, std::int64_t started) {
    const auto own = around_.folder.portable(unit_.source.path);
    for (const auto& input : manifest.inputs) {
      if (input.path == own) {
        if (input.digest == unit_.source.digest) continue;
      } else if (changed_since({input}, around_.folder, started) == nullptr) {
        continue;
      }
      changed_ = input.path;
      return true;
    }
    return false;
  }

  const UnitSurroundings& around_;
  const Unit& unit_;
  fs::path scratch_;
  std::string changed_;
};

/// Hands units to threads and results to the thread that waits for them.
class Workers {
 public:
  Workers(const UnitSurroundings& around, const std::vector<Unit>& units)
      : around_(around), units_(units), results_(units.size()) {}

  void run(unsigned parallel, const std::function<void(unsigned)>& done) {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < parallel; ++i) threads.emplace_back([this] { work(); });
    std::unique_lock lock(mutex_);
    for (unsigned told = 0; told < units_.size();) {
      changed_.wait(lock, [&] { return finished_ > told || idle_ == threads.size(); });
      if (finished_ == told) break;
      told = finished_;
      lock.unlock();
      done(told);
      lock.lock();
    }
  }

  Result<std::vector<CacheEntry>> take() {
    std::vector<CacheEntry> objects;
    std::optional<Error> failure;
    for (auto& result : results_) {
      if (!result) continue;
      if (*result) {
        objects.push_back(std::move(**result));
      } else if (!failure) {
        failure = std::move(result->error());
      } else {
        failure->message.append(result->error().message);
      }
    }
    if (failure) return fail(std::move(*failure));
    return objects;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (!failed_ && next_ < units_.size()) {
      const auto number = next_++;
      lock.unlock();
      auto result = UnitCompiler(around_, units_[number], number).compile();
      lock.lock();
      failed_ = failed_ || !result;
      results_[number] = std::move(result);
      ++finished_;
      changed_.notify_one();
    }
    ++idle_;
    changed_.notify_one();
  }

  const UnitSurroundings& around_;
  const std::vector<Unit>& units_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<Result<CacheEntry>>> results_;
  std::size_t next_ = 0;
  unsigned finished_ = 0;
  unsigned idle_ = 0;
  bool failed_ = false;
};

}  // namespace

Result<std::vector<CacheEntry>> compile_units(const UnitSurroundings& around,
                                              const std::vector<Unit>& units,
                                              const std::function<void(unsigned)>& done) {
  const auto wanted = around.settings.parallel != 0 ? around.settings.parallel : usable_cores();
  Workers workers(around, units);
  workers.run(std::min(wanted, static_cast<unsigned>(units.size())), done);
  return workers.take();
}

}  // namespace mvm::build
