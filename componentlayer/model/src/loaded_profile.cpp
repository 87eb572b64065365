// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/loaded_profile.hpp>

#include <utility>

#include <mvm/base/id.hpp>

#include "expansion.hpp"
#include "plan_check.hpp"
#include "profile_draft.hpp"
#include "report.hpp"

namespace mvm::model {
namespace {

std::expected<LoadedProfile, Diagnostics> load(ProfileDraft draft,
                                               const std::vector<std::uint32_t>& cores) {
  auto& [profile, gaps, complaints] = draft;
  // Nobody reads more than that, and what a hostile profile describes may be large.
  if (complaints.size() > kMaxDiagnostics) return std::unexpected(report(std::move(complaints)));
  auto topology = expand_sound_statements(profile, gaps, complaints);
  if (complaints.empty()) {
    auto plan = make_plan(profile, std::move(topology), cores, make_group_id(profile.name));
    if (!plan) return std::unexpected(std::move(plan.error()));
    return LoadedProfile{std::move(profile), *std::move(plan)};
  }
  append(complaints, check_plan(profile, topology, gaps, cores));
  return std::unexpected(report(std::move(complaints)));
}

}  // namespace

std::expected<LoadedProfile, Diagnostics> load_profile(const std::filesystem::path& file,
                                                       const ReadOptions& options,
                                                       const std::vector<std::uint32_t>& cores) {
  return load(draft_profile(file, options), cores);
}

std::expected<LoadedProfile, Diagnostics> load_profile_text(
    std::string_view xml, const std::string& shown_name, const std::filesystem::path& folder,
    const ReadOptions& options, const std::vector<std::uint32_t>& cores) {
  return load(draft_profile_text(xml, shown_name, folder, options), cores);
}

}  // namespace mvm::model
