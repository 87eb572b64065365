// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include <mvm/base/result.hpp>

#include "arguments.hpp"
#include "verb.hpp"

namespace mvm::cli {

/// Sorts the words after the verb's name. kUsage with what is wrong and what would be right.
[[nodiscard]] Result<Arguments> parse(const Verb& verb, const std::vector<std::string>& words);

/// Does what the words after the program's name ask for, and gives the exit status.
[[nodiscard]] int execute(const Program& program, const std::vector<std::string>& words);

}  // namespace mvm::cli
