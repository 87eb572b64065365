// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/result.hpp>

namespace mvm::cli {

/// Splits a command at blanks; '…' and "…" keep blanks, a backslash keeps the next character.
/// Nothing is expanded. kUsage for a quote that is not closed.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view command);

}  // namespace mvm::cli
