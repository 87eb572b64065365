// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "verb.hpp"

/// One function per verb, each in the file of its name.
namespace mvm::cli {

[[nodiscard]] Verb init_verb();
[[nodiscard]] Verb validate_verb();
[[nodiscard]] Verb plan_verb();
[[nodiscard]] Verb graph_verb();
[[nodiscard]] Verb build_verb();
[[nodiscard]] Verb run_verb();
[[nodiscard]] Verb list_verb();
[[nodiscard]] Verb logs_verb();
[[nodiscard]] Verb inspect_verb();
[[nodiscard]] Verb top_verb();
[[nodiscard]] Verb explain_verb();
[[nodiscard]] Verb doctor_verb();
[[nodiscard]] Verb enqueue_verb();
[[nodiscard]] Verb dequeue_verb();

/// These describe the whole command, so they keep a reference to it.
[[nodiscard]] Verb completion_verb(const Program& program);
[[nodiscard]] Verb complete_verb();
[[nodiscard]] Verb manual_verb(const Program& program);

}  // namespace mvm::cli
