// SPDX-License-Identifier: GPL-3.0-or-later
#include "job_programs.hpp"

#include <unistd.h>

#include <mvm/run/group_outcome.hpp>

#include "complaint.hpp"
#include "terminal.hpp"

namespace mvm::cli {

build::BuildSettings build_settings(const model::Profile& profile) {
  auto settings = build::default_build_settings();
  settings.time_limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(profile.policy.build_time);
  settings.colours = wants_colour(STDERR_FILENO);
  return settings;
}

Result<std::vector<build::BuiltProgram>> build_jobs(build::Builder& builder,
                                                    const model::Profile& profile, bool quiet) {
  ProgressLine progress(quiet);
  std::vector<build::BuiltProgram> programs;
  for (const auto& job : profile.jobs) {
    const auto place = text("building ", job.name, " (", programs.size() + 1, " of ",
                            profile.jobs.size(), " jobs)");
    const auto show = [&](const std::string&, unsigned done, unsigned all) {
      progress.show(text(place, ": ", done, " of ", all, " sources"));
    };
    auto built = builder.build({job.name, job.sources, job.build}, show);
    progress.clear();
    if (!built) return fail(built.error());
    if (!built->warnings.empty() && !quiet) complain(built->warnings);
    programs.push_back(std::move(*built));
  }
  return programs;
}

int build_failure_status(const Error& error) {
  if (error.code == ErrorCode::kInterrupted) return run::exit_status::kInterrupted;
  if (error.code == ErrorCode::kInvalidProfile) return run::exit_status::kRefused;
  return run::exit_status::kBuildFailed;
}

}  // namespace mvm::cli
