// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include <mvm/base/result.hpp>

namespace mvm::cli {

/// The topology and placement of a group that runs or ran as a DOT graph, from its plan.json. With
/// its waits (see docs/deadlock.md; empty: none), stuck tasks have a red frame, and the edges that
/// they wait at are red and say who waits and what has passed. kSystem for what is no plan or no
/// waits.
[[nodiscard]] Result<std::string> run_dot(const std::string& plan_json,
                                          const std::string& waits_json);

}  // namespace mvm::cli
