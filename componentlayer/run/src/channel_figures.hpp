// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/run/group_outcome.hpp>

namespace mvm::run {

/// What one machine counted, in the order of its plan's channels. Empty: it did not tell.
using MachineCounts = std::vector<queue::control::ChannelCount>;

/// Puts the machines' counts of each channel together: the sender's machine knows what was
/// enqueued, each receiver's machine what was dequeued. Channels that only collective operations
/// use are left out. A channel's unread messages are all `left`, but for those that a competing
/// receiver took with it.
[[nodiscard]] std::vector<ChannelFigures> put_together(std::span<const queue::WiringPlan> machines,
                                                       std::span<const MachineCounts> counts);

/// One flat object but for "drops", as it stands in summaries; `left_name` is what messages in the
/// queue are called.
[[nodiscard]] nlohmann::ordered_json describe_channel(const ChannelFigures& channel,
                                                      const char* left_name);

}  // namespace mvm::run
