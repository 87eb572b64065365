// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/plan.hpp>
#include <mvm/model/profile.hpp>

namespace mvm::model {

/// A profile with the plan that its parameters give on this host.
struct LoadedProfile {
  Profile profile;
  Plan plan;
};

/// Reads a profile, expands its topology and plans it under a fresh group id. `cores` are the
/// host's, as `usable_cores` orders them. On failure all errors of all three in one go, sorted by
/// file and line: a part that is in error hides nothing in the others, and what would only follow
/// from it is not said. Thread safe.
[[nodiscard]] std::expected<LoadedProfile, Diagnostics> load_profile(
    const std::filesystem::path& file, const ReadOptions& options,
    const std::vector<std::uint32_t>& cores);

/// The same for a profile that is already in memory; relative names resolve against `folder`.
[[nodiscard]] std::expected<LoadedProfile, Diagnostics> load_profile_text(
    std::string_view xml, const std::string& shown_name, const std::filesystem::path& folder,
    const ReadOptions& options, const std::vector<std::uint32_t>& cores);

}  // namespace mvm::model
