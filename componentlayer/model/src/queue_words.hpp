// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::model {

/// What a queue is, for people: "priority(8) drop-oldest, capacity 16, zstd(3) crc32c, latency
/// 25 ms". Type and overflow always, further settings where they are not the default.
[[nodiscard]] std::string queue_words(const queue::QueueSpec& queue, const queue::WiringPlan& plan);

/// The same without what is the default; empty for a queue that is like any.
[[nodiscard]] std::string special_words(const queue::QueueSpec& queue,
                                        const queue::WiringPlan& plan);

/// The codecs of a queue: "portable", "zstd(3)", or the name of a user's own.
[[nodiscard]] std::vector<std::string> codec_names(const queue::QueueSpec& queue,
                                                   const queue::WiringPlan& plan);

/// "priority", or the name of a user's own type.
[[nodiscard]] std::string type_name(const queue::QueueSpec& queue, const queue::WiringPlan& plan);

/// True for channels that MVM makes for itself; users neither see nor configure them.
[[nodiscard]] bool is_hidden(const queue::PortSpec& port);
[[nodiscard]] bool is_hidden(const queue::ChannelSpec& channel);

}  // namespace mvm::model
