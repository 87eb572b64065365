// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "verb.hpp"

namespace mvm::cli {

/// mvm.1, in troff: the verbs, the environment, the files.
[[nodiscard]] std::string man_page(const Program& program);

/// mvm-VERB.1, in troff.
[[nodiscard]] std::string man_page(const Program& program, const Verb& verb);

/// "mvm-run"
[[nodiscard]] std::string man_name(const Program& program, const Verb& verb);

}  // namespace mvm::cli
