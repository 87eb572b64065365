// SPDX-License-Identifier: GPL-3.0-or-later
#include "job_programs.hpp"

#include <unistd.h>

#include <mvm/run/group_outcome.hpp>

#include "complaint.hpp"
#include "installation.hpp"
#include "terminal.hpp"

namespace mvm::cli {

build::BuildSettings build_settings(const model::Profile& profile) {
  auto settings = build::default_build_settings();
  settings.time_limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(profile.policy.build_time);
  settings.colours = wants_colour(STDERR_FILENO);
  return settings;
}

Result<BuiltProfile> build_jobs(build::Builder& builder, const model::Profile& profile,
                                bool quiet) {
  ProgressLine progress(quiet);
  BuiltProfile done;
  const auto all = profile.jobs.size() + profile.plugins.size();
  const auto build_one = [&](const build::BuildRequest& request) -> Result<build::BuiltProgram> {
    const auto position = done.programs.size() + done.plugins.size() + 1;
    const auto place = text("building ", request.job, " (", position, " of ", all, ')');
    auto built = builder.build(request, [&](const std::string&, unsigned units, unsigned of) {
      progress.show(text(place, ": ", units, " of ", of, " sources"));
    });
    progress.clear();
    if (built && !built->warnings.empty() && !quiet) complain(built->warnings);
    return built;
  };
  for (const auto& job : profile.jobs) {
    if (job.command) {
      auto wrapper = command_program();
      if (!wrapper) return fail(wrapper.error());
      done.programs.push_back({.program = std::move(*wrapper), .from_cache = true});
      continue;
    }
    const bool is_fiber = job.execution == model::Execution::kFiber;
    if (is_fiber && done.worker.empty()) {
      auto worker = fiber_program();
      if (!worker) return fail(worker.error());
      done.worker = std::move(*worker);
    }
    auto built = build_one({job.name, job.sources, job.build,
                            is_fiber ? build::Product::kFiber : build::Product::kProgram});
    if (!built) return fail(built.error());
    done.programs.push_back(std::move(*built));
  }
  for (const auto& plugin : profile.plugins) {
    auto built = build_one({plugin.name, plugin.sources, plugin.build, build::Product::kPlugin});
    if (!built) return fail(built.error());
    done.plugins.push_back(std::move(*built));
  }
  return done;
}

int build_failure_status(const Error& error) {
  if (error.code == ErrorCode::kInterrupted) return run::exit_status::kInterrupted;
  if (error.code == ErrorCode::kInvalidProfile) return run::exit_status::kRefused;
  return run::exit_status::kBuildFailed;
}

}  // namespace mvm::cli
