// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include <mvm/queuelayer/wait_graph.hpp>

namespace mvm::run {

/// One sentence: "deadlock: cell[0] waits for cell[3], which waits for …".
[[nodiscard]] std::string deadlock_sentence(const queue::GroupWaits& waits);

/// Every knot of a deadlock, a line for each task in it, with the numbers of messages on each edge.
/// Whole lines.
[[nodiscard]] std::string deadlock_words(const queue::GroupWaits& waits);

/// The state of all waits, for `mvm explain`. Whole lines.
[[nodiscard]] std::string wait_words(const queue::GroupWaits& waits);

/// The same for programs, and for `waits.json`; docs/deadlock.md has the form.
[[nodiscard]] std::string waits_json(const std::string& group, const queue::GroupWaits& waits);

}  // namespace mvm::run
