// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "verb.hpp"

namespace mvm::cli {

/// A bash script that completes verbs, options, files, and the words that only the program knows
/// (parameters of a profile, groups, tasks), which it asks `mvm complete` for.
[[nodiscard]] std::string bash_completion(const Program& program);

/// The same for zsh; works from a folder in `fpath` as `_mvm`, and when it is sourced.
[[nodiscard]] std::string zsh_completion(const Program& program);

}  // namespace mvm::cli
