// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include <mvm/model/loaded_profile.hpp>

#include "arguments.hpp"
#include "verb.hpp"

namespace mvm::cli {

/// The words that every verb about a profile takes: PROFILE and -p NAME=VALUE.
[[nodiscard]] Positional profile_positional();
[[nodiscard]] Option parameter_option();

using model::LoadedProfile;

/// Finds and reads the profile that the arguments name. Complaints are written as lines of
/// "file:line: message", all of them; then there is no value.
[[nodiscard]] std::optional<model::Profile> read_profile(std::string_view verb,
                                                         const Arguments& arguments);

/// The same, planned: everything that is wrong with its topology and plan is among the lines.
[[nodiscard]] std::optional<LoadedProfile> load_profile(std::string_view verb,
                                                        const Arguments& arguments);

}  // namespace mvm::cli
