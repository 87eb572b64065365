// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/endpoint_numbers.hpp>

#include <algorithm>

namespace mvm::queue {

std::uint32_t link_endpoint(const WiringPlan& plan) {
  return static_cast<std::uint32_t>(plan.tasks.size());
}

std::uint32_t outside_endpoint(const WiringPlan& plan) {
  return link_endpoint(plan) + 1;
}

std::uint32_t endpoint_number(const WiringPlan& plan, std::uint32_t task, std::uint32_t machine) {
  const auto link = link_endpoint(plan);
  if (machine != plan.machine) return link;
  if (task == kOutside) return outside_endpoint(plan);
  const auto found =
      std::lower_bound(plan.tasks.begin(), plan.tasks.end(), task,
                       [](const TaskSpec& spec, std::uint32_t id) { return spec.id < id; });
  if (found == plan.tasks.end() || found->id != task) return link;
  return static_cast<std::uint32_t>(found - plan.tasks.begin());
}

std::vector<std::uint32_t> receiving_endpoints(const WiringPlan& plan, const ChannelSpec& channel) {
  std::vector<std::uint32_t> endpoints;
  for (std::size_t i = 0; i < channel.receivers.size(); ++i) {
    const bool here = channel.receiver_machines[i] == plan.machine;
    // What arrives from another machine is only for the receivers of this one.
    if (!here && channel.sender_machine != plan.machine) continue;
    endpoints.push_back(endpoint_number(plan, channel.receivers[i], channel.receiver_machines[i]));
  }
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  return endpoints;
}

}  // namespace mvm::queue
