// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::run {

/// Fresh keys for the links of one group: a Curve25519 pair for each direction, in the Z85 form
/// that ZeroMQ reads. They travel in wiring plans, over the control connections only.
[[nodiscard]] Result<queue::LinkKeys> make_link_keys();

/// A fresh LinkKeys::group_secret.
[[nodiscard]] Result<std::string> make_group_secret();

}  // namespace mvm::run
