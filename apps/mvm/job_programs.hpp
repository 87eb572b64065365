// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/build/builder.hpp>
#include <mvm/model/profile.hpp>

namespace mvm::cli {

/// What a profile's sources became.
struct BuiltProfile {
  std::vector<build::BuiltProgram> programs;  ///< of each job, in the order of the profile
  std::vector<build::BuiltProgram> plugins;   ///< likewise
  std::filesystem::path worker;               ///< what runs fibers, if any job's tasks are some
};

/// Builds the program of each job and each plugin, with progress on a terminal and the compiler's
/// warnings on stderr. The program of a job with a <command> is the wrapper, which is there
/// already. Stops at the first that fails; the error names the job or plugin.
[[nodiscard]] Result<BuiltProfile> build_jobs(build::Builder& builder,
                                              const model::Profile& profile, bool quiet);

/// Settings for the builds of a profile: the installation's, with the profile's time limit.
[[nodiscard]] build::BuildSettings build_settings(const model::Profile& profile);

/// 126; 130 when the user interrupted; 125 when the profile asks for what cannot be.
[[nodiscard]] int build_failure_status(const Error& error);

}  // namespace mvm::cli
