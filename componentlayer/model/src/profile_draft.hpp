// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/profile.hpp>

#include "gaps.hpp"

namespace mvm::model {

/// A profile as far as it could be read, so that what follows from the sound parts can be judged
/// although others are not. Graphs, links and rules that could not be read are left out, with a
/// gap where ports may be missing; the count of a job is 0 where it is not known. With no
/// complaints it is the whole profile.
struct ProfileDraft {
  Profile profile;
  Gaps gaps;
  Diagnostics complaints;  ///< in no order yet
};

[[nodiscard]] ProfileDraft draft_profile(const std::filesystem::path& file,
                                         const ReadOptions& options);
[[nodiscard]] ProfileDraft draft_profile_text(std::string_view xml, const std::string& shown_name,
                                              const std::filesystem::path& folder,
                                              const ReadOptions& options);

}  // namespace mvm::model
