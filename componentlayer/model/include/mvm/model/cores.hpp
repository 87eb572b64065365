// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

namespace mvm::model {

/// Cores of this host that this process may use (its CPU affinity), ordered so that neighbours
/// share caches. Never empty where the kernel answers.
[[nodiscard]] std::vector<std::uint32_t> usable_cores();

}  // namespace mvm::model
