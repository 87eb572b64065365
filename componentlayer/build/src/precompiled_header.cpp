// SPDX-License-Identifier: GPL-3.0-or-later
#include "precompiled_header.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>

#include <mvm/base/clock.hpp>
#include <mvm/base/file.hpp>
#include <mvm/base/log.hpp>

#include "build_inputs.hpp"
#include "key_lock.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

constexpr int kNiceness = 5;
constexpr std::string_view kHeader = "job.hpp";
constexpr std::string_view kIncludeLine = "#include <mvm/job.hpp>\n";

/// Skips blanks and comments. False when a comment does not end.
bool skip_comments(std::string_view& rest) {
  for (;;) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    if (rest.starts_with("//")) {
      rest.remove_prefix(std::min(rest.find('\n'), rest.size()));
    } else if (rest.starts_with("/*")) {
      const auto end = rest.find("*/", 2);
      if (end == std::string_view::npos) return false;
      rest.remove_prefix(end + 2);
    } else {
      return true;
    }
  }
}

/// The NAME of an `#include <NAME>` at the beginning of `rest`, which is moved behind it; empty
/// when something else is there.
std::string_view take_include(std::string_view& rest) {
  const auto skip_blanks = [&rest] {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  };
  if (!rest.starts_with('#')) return {};
  rest.remove_prefix(1);
  skip_blanks();
  constexpr std::string_view kInclude = "include";
  if (!rest.starts_with(kInclude)) return {};
  rest.remove_prefix(kInclude.size());
  skip_blanks();
  if (!rest.starts_with('<')) return {};
  const auto end = rest.find_first_of(">\n");
  if (end == std::string_view::npos || rest[end] != '>') return {};
  const auto name = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  return name;
}

void add_one(int event) {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, after 2^64 headers.
  [[maybe_unused]] const auto written = ::write(event, &one, sizeof one);
}

ResultKey key_of(const CommandLine& command) {
  return {ResultKind::kHeader, command.precompile_identity()};
}

}  // namespace

bool may_start_with_job_header(std::string_view source) {
  while (skip_comments(source)) {
    const auto name = take_include(source);
    if (name == "mvm/job.hpp") return true;
    if (name.empty() || name.find_first_of("./") != std::string_view::npos) return false;
  }
  return false;
}

HeaderStart start_from(const CacheEntry& header) {
  return {header.folder() / kHeader, header.product()};
}

PrecompiledHeaders::PrecompiledHeaders(const BuildSettings& settings, const BuildCache& cache,
                                       FileDigests& digests)
    : settings_(settings),
      cache_(cache),
      digests_(digests),
      finished_(::eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {}

PrecompiledHeaders::~PrecompiledHeaders() {
  const auto deadline = now() + settings_.header_patience;
  for (std::size_t ended = 0; ended < makers_.size(); ++ended) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now()).count();
    pollfd events[] = {{finished_.get(), POLLIN, 0}, {settings_.cancel, POLLIN, 0}};
    if (::poll(events, 2, static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) break;
    if (events[1].revents != 0) break;
    std::uint64_t one = 0;
    if (::read(finished_.get(), &one, sizeof one) != sizeof one) break;
  }
  add_one(stop_.get());
}

std::optional<CacheEntry> PrecompiledHeaders::find(const CommandLine& command) const {
  return cache_.find(key_of(command), JobFolder(), digests_);
}

void PrecompiledHeaders::make_aside(const Compiler& compiler, const model::BuildOptions& options) {
  const JobFolder folder;
  if (!started_
           .insert(CommandLine(settings_, compiler, options, Product::kProgram, folder)
                       .precompile_identity())
           .second) {
    return;
  }
  makers_.emplace_back([this, compiler, options] {
    // Linux keeps priorities per thread, and the compiler inherits this one's: the build that is
    // waited for goes first, without starving this one on a busy host.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
    make(compiler, options);
    add_one(finished_.get());
  });
}

void PrecompiledHeaders::make(const Compiler& compiler, const model::BuildOptions& options) const {
  const JobFolder folder;
  const CommandLine command(settings_, compiler, options, Product::kProgram, folder);
  const auto key = key_of(command);
  const auto lock = KeyLock::try_take(cache_.lock_file(), key.digest);
  if (!lock || find(command)) return;
  const auto work = cache_.make_work_folder();
  if (!work) return;
  const auto prepared = work->path() / "header";
  Manifest manifest;
  manifest.product = compiler.family == CompilerFamily::kClang ? "job.hpp.pch" : "job.hpp.gch";
  const auto depfile = work->path() / "header.d";
  if (!make_folder(prepared) || !write_file_atomically(prepared / kHeader, kIncludeLine)) return;
  const auto started = file_clock_ns();
  const auto made = run_tool({.arguments = command.precompile(prepared / manifest.product, depfile),
                              .directory = "/",
                              .temporary = work->path(),
                              .lock = work->lock(),
                              .what = "precompiling <mvm/job.hpp>"},
                             {settings_.time_limit, settings_.memory_limit, stop_.get()});
  if (!made) {
    log_debug(made.error().message);
    return;
  }
  auto inputs = read_inputs(depfile, folder, cache_.folder(), digests_);
  if (!inputs || changed_since(*inputs, folder, started) != nullptr) return;
  manifest.inputs = std::move(*inputs);
  if (const auto stored = cache_.store(key, std::move(manifest), prepared); !stored) {
    log_debug(stored.error().message);
  }
}

}  // namespace mvm::build
