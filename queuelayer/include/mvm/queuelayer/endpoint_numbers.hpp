// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <mvm/queuelayer/wiring_plan.hpp>

/// Which endpoint of a machine's arena stands for whom: endpoint i is the plan's task i; then come
/// the link to other machines and the door to programs outside.
namespace mvm::queue {

/// The endpoints that are the queue VM's own.
[[nodiscard]] std::uint32_t link_endpoint(const WiringPlan& plan);
[[nodiscard]] std::uint32_t outside_endpoint(const WiringPlan& plan);

/// The endpoint that stands for a task on this machine's arena: its position in the plan, or the
/// link's for tasks of other machines. Tasks of a plan are in the order of their ids.
[[nodiscard]] std::uint32_t endpoint_number(const WiringPlan& plan, std::uint32_t task,
                                            std::uint32_t machine);
/// The endpoints that take from a channel on this machine, each once: several receivers on other
/// machines are one here, because the link takes for all of them.
[[nodiscard]] std::vector<std::uint32_t> receiving_endpoints(const WiringPlan& plan,
                                                             const ChannelSpec& channel);

}  // namespace mvm::queue
