// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>

namespace mvm::model {

/// The readable files that `words` names: one file, or all files that match a pattern with `*`,
/// `?` or `[…]` in its last part, sorted. Relative words start at `folder`; results are absolute.
/// kNotFound, kPermission: with what was looked for and where.
[[nodiscard]] Result<std::vector<std::filesystem::path>> source_files(
    const std::string& words, const std::filesystem::path& folder);

/// Files that one pattern may match.
inline constexpr std::size_t kMaxMatches = 10'000;

}  // namespace mvm::model
