// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/build/builder.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

#include <mvm/base/clock.hpp>
#include <mvm/base/file.hpp>

#include "build_cache.hpp"
#include "build_inputs.hpp"
#include "command_line.hpp"
#include "compiler.hpp"
#include "eviction.hpp"
#include "key_lock.hpp"
#include "precompiled_header.hpp"
#include "tool_run.hpp"
#include "unit_compiler.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxSource = 256_MiB;

/// For messages.
std::string words_for(const BuildRequest& request) {
  return text(request.product == Product::kPlugin ? "plugin '" : "job '", request.job, '\'');
}

/// The name as a file name: it is what `top` and a debugger show of a task, and what errors call a
/// plugin.
std::string product_name(const BuildRequest& request) {
  std::string name = request.job;
  for (auto& letter : name) {
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') || letter == '_';
    if (!plain) letter = '-';
  }
  constexpr std::size_t kLongest = 64;
  name.resize(std::min(name.size(), kLongest));
  if (name.empty() || name == layout::kManifest) name = "job";
  return request.product == Product::kProgram ? name : name + ".so";
}

/// The request with the flags that its product needs, before the user's own. One list serves
/// compiling, precompiling and linking, and all keys of the cache.
BuildRequest with_product_flags(BuildRequest request, const Compiler& compiler) {
  auto& flags = request.options.flags;
  if (request.product == Product::kPlugin) {
    flags.insert(flags.begin(), {"-fPIC", "-shared", "-Wl,-z,defs"});
  } else if (request.product == Product::kFiber) {
    // Names are bound inside the object, so that no copy finds another's; and a copy has as few
    // segments as can be, because a process has a limited number of mappings.
    std::vector<std::string> own = {"-fPIC",          "-shared",        "-Wl,-z,defs",
                                    "-Wl,-Bsymbolic", "-Wl,-z,norelro", "-Wl,-z,lazy"};
    if (compiler.family == CompilerFamily::kGcc) own.emplace_back("-fno-gnu-unique");
    if (compiler.linker != "gold") own.emplace_back("-Wl,-z,noseparate-code");
    if (compiler.linker == "mold" || compiler.linker == "lld") {
      own.emplace_back("-Wl,--no-rosegment");
    }
    flags.insert(flags.begin(), own.begin(), own.end());
  }
  return request;
}

/// Takes the escape sequences of terminal colours (ESC [ … letter) out of diagnostics.
std::string without_colours(std::string_view words) {
  std::string plain;
  plain.reserve(words.size());
  while (!words.empty()) {
    const auto escape = std::min(words.find("\033["), words.size());
    plain.append(words.substr(0, escape));
    words.remove_prefix(escape);
    if (words.empty()) break;
    const auto end = words.find_first_not_of("0123456789;", 2);
    words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
  }
  return plain;
}

}  // namespace

struct Builder::State {
  explicit State(BuildSettings chosen)
      : settings(std::move(chosen)),
        cache(settings.cache, settings.cache_limit),
        headers(settings, cache, digests) {}
  // A build that is killed after its result was stored leaves work to those who only find results.
  ~State() { cache.sweep_leftovers(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  BuildSettings settings;
  BuildCache cache;
  FileDigests digests;
  std::vector<CacheEntry> returned;  ///< locked against eviction
  PrecompiledHeaders headers;        ///< last: its threads use the others

  [[nodiscard]] ToolLimits limits() const {
    return {settings.time_limit, settings.memory_limit, settings.cancel};
  }
  BuiltProgram keep(CacheEntry entry, bool from_cache);
};

namespace {

/// One call of `Builder::build`.
class ProgramBuild {
 public:
  ProgramBuild(const BuildSettings& settings, const BuildCache& cache, FileDigests& digests,
               PrecompiledHeaders& headers, const BuildRequest& request, const Compiler& compiler)
      : settings_(settings),
        cache_(cache),
        digests_(digests),
        headers_(headers),
        request_(request),
        compiler_(compiler),
        folder_(request.sources),
        command_(settings, compiler_, request.options, request.product, folder_) {}

  /// Reads the sources, whose content is part of the key.
  Result<void> read_sources() {
    for (const auto& path : request_.sources) {
      auto source = digests_.read(path);
      if (!source) {
        return fail(ErrorCode::kNotFound, words_for(request_), ": source ", path.string(), ": ",
                    source.error().message);
      }
      units_.push_back({std::move(*source), false});
    }
    Hasher hasher;
    hasher.add(command_.link_identity()).add(product_name(request_));
    for (const auto& unit : units_) {
      hasher.add(folder_.portable(unit.source.path)).add(unit.source.digest);
    }
    key_ = {ResultKind::kProgram, hasher.finish()};
    return {};
  }

  std::optional<CacheEntry> find() const { return cache_.find(key_, folder_, digests_); }

  /// Compiles and links. Somebody else who builds the same is waited for, to use his result; the
  /// lock only saves work, so one that cannot be had in time is done without.
  Result<std::pair<CacheEntry, bool>> make(const BuildProgress& progress) {
    auto lock =
        KeyLock::take(cache_.lock_file(), key_.digest, settings_.time_limit, settings_.cancel);
    if (!lock && lock.error().code == ErrorCode::kInterrupted) return fail(lock.error());
    if (!lock && lock.error().code == ErrorCode::kSystem) {
      return fail(cache_.cache_error(lock.error().message));
    }
    if (auto found = find()) return std::pair(std::move(*found), true);
    const auto work = cache_.make_work_folder();
    if (!work) return fail(work.error());
    const auto objects = compile(*work, progress);
    if (!objects) return fail(objects.error());
    auto program = link(*work, *objects);
    if (!program) return fail(program.error());
    return std::pair(std::move(*program), false);
  }

 private:
  /// A precompiled header for the units that can use it; asks for one when there is none yet.
  std::optional<CacheEntry> choose_header() {
    if (settings_.sdk_include.empty()) return {};
    bool wanted = false;
    for (auto& unit : units_) {
      const auto content = read_file(unit.source.path, kMaxSource);
      unit.may_start = content && may_start_with_job_header(*content);
      wanted = wanted || unit.may_start;
    }
    if (!wanted) return {};
    auto header = headers_.find(command_);
    if (!header) headers_.make_aside(compiler_, request_.options);
    return header;
  }

  Result<std::vector<CacheEntry>> compile(const WorkFolder& work, const BuildProgress& progress) {
    const auto header = choose_header();
    const auto all = static_cast<unsigned>(units_.size());
    const auto tell = [&](unsigned done) {
      if (progress) progress(request_.job, done, all);
    };
    tell(0);
    return compile_units({settings_, compiler_, command_, folder_, request_.options.include_folders,
                          cache_, digests_, work, header ? &*header : nullptr},
                         units_, tell);
  }

  Result<CacheEntry> link(const WorkFolder& work, const std::vector<CacheEntry>& objects) {
    const auto& library = settings_.sdk_library;
    if (!library.empty() && !stamp_of(library / "libmvm.so")) {
      return fail(ErrorCode::kNotFound, "libmvm.so is not in ", library.string(),
                  "; build or install MVM's SDK");
    }
    const auto prepared = work.path() / "program";
    const auto depfile = work.path() / "program.d";
    Manifest manifest;
    manifest.product = product_name(request_);
    if (const auto made = make_folder(prepared); !made) {
      return fail(cache_.cache_error(made.error().message));
    }
    std::vector<fs::path> files;
    for (const auto& object : objects) files.push_back(object.product());
    const auto words =
        run_tool({.arguments = command_.link(files, prepared / manifest.product, depfile),
                  .directory = folder_.path(),
                  .temporary = work.path(),
                  .lock = work.lock(),
                  .what = text("linking ", words_for(request_))},
                 {settings_.time_limit, settings_.memory_limit, settings_.cancel});
    if (!words) {
      return fail(words.error().code, with_source_names(words.error().message, objects));
    }
    auto inputs = read_inputs(depfile, folder_, cache_.folder(), digests_);
    if (!inputs) return fail(inputs.error());
    manifest.inputs = std::move(*inputs);
    for (const auto& object : objects) {
      manifest.merge(object.manifest());
      manifest.warnings.append(object.manifest().warnings);
    }
    manifest.warnings.append(*words);
    return cache_.store(key_, std::move(manifest), prepared);
  }

  /// The linker names objects by their place in the cache, which tells nothing to anybody.
  std::string with_source_names(std::string words, const std::vector<CacheEntry>& objects) const {
    for (std::size_t i = 0; i < objects.size(); ++i) {
      const auto place = objects[i].product().native();
      const auto name = text(fs::path(units_[i].source.path).filename().native(), ".o");
      for (auto at = words.find(place); at != std::string::npos; at = words.find(place, at)) {
        words.replace(at, place.size(), name);
        at += name.size();
      }
    }
    return words;
  }

  const BuildSettings& settings_;
  const BuildCache& cache_;
  FileDigests& digests_;
  PrecompiledHeaders& headers_;
  const BuildRequest& request_;
  const Compiler& compiler_;
  const JobFolder folder_;
  const CommandLine command_;
  std::vector<Unit> units_;
  ResultKey key_{};
};

}  // namespace

BuiltProgram Builder::State::keep(CacheEntry entry, bool from_cache) {
  BuiltProgram built;
  built.program = entry.product();
  built.from_cache = from_cache;
  built.warnings =
      settings.colours ? entry.manifest().warnings : without_colours(entry.manifest().warnings);
  returned.push_back(std::move(entry));
  return built;
}

Builder::Builder(BuildSettings settings) : state_(std::make_unique<State>(std::move(settings))) {}
Builder::~Builder() = default;

Result<BuiltProgram> Builder::build(const BuildRequest& wanted, const BuildProgress& progress) {
  const auto started = now();
  if (wanted.sources.empty()) {
    return fail(ErrorCode::kInvalidProfile, words_for(wanted), " has no sources");
  }
  if (const auto good = check_options(words_for(wanted), wanted.options); !good) {
    return fail(good.error());
  }
  if (const auto ready = state_->cache.prepare(); !ready) return fail(ready.error());
  const auto compiler = identify_compiler(wanted.options.compiler, state_->cache, state_->limits());
  if (!compiler) return fail(compiler.error());
  const auto request = with_product_flags(wanted, *compiler);

  ProgramBuild build(state_->settings, state_->cache, state_->digests, state_->headers, request,
                     *compiler);
  if (const auto read = build.read_sources(); !read) return fail(read.error());
  BuiltProgram built;
  if (auto found = build.find()) {
    built = state_->keep(std::move(*found), true);
  } else {
    auto made = build.make(progress);
    if (!made) return fail(made.error());
    built = state_->keep(std::move(made->first), made->second);
  }
  built.took = now() - started;
  return built;
}

CacheFigures cache_figures(const fs::path& cache) {
  CacheFigures figures;
  for (const auto& result : list_results(cache / layout::kVersion)) {
    figures.programs += result.program ? 1 : 0;
    figures.size.count += result.size.count;
  }
  return figures;
}

std::vector<fs::path> abandoned_builds(const fs::path& cache) {
  const auto folder = cache / layout::kVersion;
  std::error_code error;
  if (!fs::is_directory(folder, error)) return {};
  const auto structure = KeyLock::take_structure(folder / layout::kLock);
  if (!structure) return {};
  return abandoned_work(folder);
}

void sweep_cache(const fs::path& cache, Bytes limit) {
  const auto folder = cache / layout::kVersion;
  std::error_code error;
  if (!fs::is_directory(folder, error)) return;
  const auto structure = KeyLock::take_structure(folder / layout::kLock);
  if (!structure) return;
  sweep_work(folder);
  evict_over(folder, limit);
}

}  // namespace mvm::build
