// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include <mvm/base/result.hpp>

namespace mvm::run {

/// A fresh WiringPlan::secret, from the kernel's random numbers. Errors: kSystem.
[[nodiscard]] Result<std::string> make_group_secret();

}  // namespace mvm::run
