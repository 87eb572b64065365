// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include <mvm/model/plan.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/model/topology.hpp>

#include "arguments.hpp"
#include "verb.hpp"

namespace mvm::cli {

/// The words that every verb about a profile takes: PROFILE and -p NAME=VALUE.
[[nodiscard]] Positional profile_positional();
[[nodiscard]] Option parameter_option();

/// A profile with the plan that its parameters give on this host.
struct LoadedProfile {
  model::Profile profile;
  model::Plan plan;
};

/// Finds and reads the profile that the arguments name. Complaints are written as lines of
/// "file:line: message", all of them; then there is no value.
[[nodiscard]] std::optional<model::Profile> read_profile(std::string_view verb,
                                                         const Arguments& arguments);

/// The same, and plans it under a fresh group id.
[[nodiscard]] std::optional<LoadedProfile> load_profile(std::string_view verb,
                                                        const Arguments& arguments);

}  // namespace mvm::cli
