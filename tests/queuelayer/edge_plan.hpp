// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <mvm/queuelayer/wiring_plan.hpp>

/// Wiring plans from a few edges, for tests of what obeys them.
namespace mvm::queue {

/// One channel; its number is its position in the list. Tasks are named by number.
struct Edge {
  std::uint32_t sender = 0;
  std::vector<std::uint32_t> receivers;
  QueueSpec queue{};
};

inline QueueSpec room_for(std::uint32_t messages, Bytes bytes = 256_KiB) {
  return {.capacity = messages, .bytes = bytes};
}

/// What every machine of a group is told: task t runs on machine `machine_of[t]`, and edge e leaves
/// its sender's port "out<e>" and arrives at port "in<e>". A machine sees only its own edges.
inline WiringPlan plan_of_machine(std::uint32_t machine,
                                  const std::vector<std::uint32_t>& machine_of,
                                  const std::vector<std::string>& endpoints,
                                  const std::vector<Edge>& edges, const std::string& secret = {}) {
  const auto count = static_cast<std::uint32_t>(machine_of.size());
  WiringPlan plan;
  plan.group = "test-0123abcd";
  plan.machine = machine;
  for (const auto& endpoint : endpoints) plan.machines.push_back({endpoint});
  plan.secret = secret;
  plan.programs = {"/bin/true"};
  std::vector<TaskSpec> tasks(count);
  for (std::uint32_t t = 0; t < count; ++t) {
    tasks[t].id = t;
    tasks[t].job = "task";
    tasks[t].index = t;
    tasks[t].count = count;
    tasks[t].coordinates = {t};
    tasks[t].directory = "/tmp";
    tasks[t].shares_core = true;  // two cores serve all tests of a host
  }
  for (std::uint32_t e = 0; e < edges.size(); ++e) {
    ChannelSpec channel;
    channel.id = e;
    channel.queue = edges[e].queue;
    channel.sender = edges[e].sender;
    channel.sender_machine = machine_of[edges[e].sender];
    channel.receivers = edges[e].receivers;
    bool here = channel.sender_machine == machine;
    for (const auto receiver : channel.receivers) {
      channel.receiver_machines.push_back(machine_of[receiver]);
      here |= machine_of[receiver] == machine;
    }
    if (!here) continue;
    const bool shared = channel.receivers.size() > 1;
    const auto number = static_cast<std::uint32_t>(plan.channels.size());
    const std::string out = "out" + std::to_string(e);
    const std::string in = "in" + std::to_string(e);
    channel.sender_port = tasks[channel.sender].name() + "." + out;
    channel.receiver_port = (shared ? "task[*]" : tasks[channel.receivers[0]].name()) + "." + in;
    plan.channels.push_back(channel);
    const auto spread = shared ? Spread::kShared : Spread::kOneToOne;
    tasks[channel.sender].ports.push_back({out, {{spread, {number}}}, {}});
    for (const auto receiver : channel.receivers) {
      tasks[receiver].ports.push_back({in, {}, {number}});
    }
  }
  for (std::uint32_t t = 0; t < count; ++t) {
    if (machine_of[t] == machine) plan.tasks.push_back(std::move(tasks[t]));
  }
  return plan;
}

/// A group on one machine.
inline WiringPlan plan_of(std::uint32_t tasks, const std::vector<Edge>& edges) {
  return plan_of_machine(0, std::vector<std::uint32_t>(tasks, 0), {""}, edges);
}

}  // namespace mvm::queue
