// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include <mvm/base/result.hpp>
#include <mvm/run/group_outcome.hpp>

namespace mvm::run {

inline constexpr const char* kSummaryFile = "summary.json";

/// The summary as JSON text, one stable form for scripts; documented in docs/summary.md.
[[nodiscard]] std::string summary_json(const GroupOutcome& outcome);

/// The result of a group without its tasks and channels.
struct SummaryHead {
  std::string group;
  GroupState state = GroupState::kLost;
  int exit_status = 0;
  std::string cause;
};

/// Reads the head of a summary; what follows is not looked at, whatever its length.
/// kNotFound when there is none, kSystem when it is not a summary.
[[nodiscard]] Result<SummaryHead> read_summary_head(const std::filesystem::path& file);

}  // namespace mvm::run
