// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "verb.hpp"

namespace mvm::cli {

/// What `mvm --help` prints: the verbs, and those to come.
[[nodiscard]] std::string help_text(const Program& program);

/// What `mvm VERB --help` prints: usage, options, examples, exit statuses.
[[nodiscard]] std::string help_text(const Program& program, const Verb& verb);

/// "mvm run [OPTION…] PROFILE"
[[nodiscard]] std::string usage_line(const Program& program, const Verb& verb);

}  // namespace mvm::cli
