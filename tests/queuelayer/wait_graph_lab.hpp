// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <mvm/queuelayer/wait_graph.hpp>

#include "edge_plan.hpp"

namespace mvm::queue {

using control::Status;
using control::TaskState;
using control::TaskStatus;
using control::ThreadWait;

/// A group whose tasks' states are said by hand. Task t is on machine `machine_of[t]`.
class Group {
 public:
  Group(std::vector<std::uint32_t> machine_of, const std::vector<Edge>& edges,
        const std::vector<std::vector<std::uint32_t>>& teams = {})
      : machine_of_(std::move(machine_of)), edges_(edges) {
    std::uint32_t machines = 1;
    for (const auto machine : machine_of_) machines = std::max(machines, machine + 1);
    const std::vector<std::string> endpoints(machines, machines == 1 ? "" : "ipc:///x");
    for (std::uint32_t m = 0; m < machines; ++m) {
      plans_.push_back(plan_of_machine(m, machine_of_, endpoints, edges));
    }
    for (std::uint32_t number = 0; number < teams.size(); ++number) add_team(number, teams[number]);
    for (const auto& plan : plans_) {
      auto& status = statuses_.emplace_back();
      for (const auto& task : plan.tasks) {
        TaskStatus attached;
        attached.task = task.id;
        attached.state = TaskState::kAttached;
        attached.pid = 1;
        attached.threads = 1;
        status.tasks.push_back(attached);
      }
      for (const auto& channel : plan.channels) {
        auto& count = status.channels.emplace_back();
        count.channel = channel.id;
      }
    }
  }

  TaskStatus& task(std::uint32_t id) {
    for (auto& status : statuses_) {
      for (auto& task : status.tasks) {
        if (task.task == id) return task;
      }
    }
    throw std::out_of_range("no such task");
  }
  const TaskSpec& spec(std::uint32_t id) const {
    for (const auto& task : plans_[machine_of_[id]].tasks) {
      if (task.id == id) return task;
    }
    throw std::out_of_range("no such task");
  }
  control::ChannelCount& count(std::uint32_t edge, std::uint32_t machine = 0) {
    for (auto& count : statuses_[machine].channels) {
      if (count.channel == edge) return count;
    }
    throw std::out_of_range("no such channel");
  }

  /// The task waits to receive from an edge.
  ThreadWait& receives(std::uint32_t task, std::uint32_t edge) {
    return add(task, {.kind = WaitKind::kReceive, .subject = port(task, "in", edge)});
  }
  ThreadWait& receives_any(std::uint32_t task) {
    return add(task, {.kind = WaitKind::kReceiveAny});
  }
  /// The task waits for room in an edge.
  ThreadWait& sends(std::uint32_t task, std::uint32_t edge) {
    return add(task, {.kind = WaitKind::kSend,
                      .subject = port(task, "out", edge),
                      .channel = channel_of(task, edge),
                      .size = 8});
  }
  /// The task is in an exchange that still has to receive from some edges, and to send to others.
  ThreadWait& exchanges(std::uint32_t task, const std::vector<std::uint32_t>& from,
                        const std::vector<std::uint32_t>& to) {
    ThreadWait wait{.kind = WaitKind::kExchange};
    for (const auto edge : from) {
      wait.pending.push_back({.kind = WaitKind::kReceive, .port = port(task, "in", edge)});
    }
    for (const auto edge : to) {
      wait.pending.push_back({.kind = WaitKind::kSend,
                              .port = port(task, "out", edge),
                              .channel = channel_of(task, edge),
                              .size = 8});
    }
    return add(task, wait);
  }
  ThreadWait& meets(std::uint32_t task, std::uint32_t team, std::uint64_t operation = 1) {
    const auto& teams = spec(task).teams;
    const auto at = std::ranges::find(teams, team) - teams.begin();
    return add(task, {.kind = WaitKind::kCollective,
                      .subject = static_cast<std::uint32_t>(at),
                      .size = operation});
  }
  /// The same where it needs one member only.
  ThreadWait& meets_member(std::uint32_t task, std::uint32_t team, std::uint32_t member) {
    auto& wait = meets(task, team);
    wait.kind = WaitKind::kMember;
    wait.channel = member;
    return wait;
  }

  GroupWaits look() const { return WaitGraph(plans_).look(statuses_); }
  std::set<std::uint32_t> stuck() const {
    std::set<std::uint32_t> found;
    for (const auto& task : look().tasks) {
      if (task.condition == TaskCondition::kStuck) found.insert(task.task);
    }
    return found;
  }

  const std::vector<Edge>& edges() const { return edges_; }
  std::vector<WiringPlan>& plans() { return plans_; }
  std::vector<Status>& statuses() { return statuses_; }

 private:
  std::uint32_t channel_of(std::uint32_t task, std::uint32_t edge) const {
    const auto& channels = plans_[machine_of_[task]].channels;
    return static_cast<std::uint32_t>(std::ranges::find(channels, edge, &ChannelSpec::id) -
                                      channels.begin());
  }
  std::uint32_t port(std::uint32_t task, std::string_view way, std::uint32_t edge) const {
    const auto& ports = spec(task).ports;
    const auto name = std::string(way) + std::to_string(edge);
    return static_cast<std::uint32_t>(std::ranges::find(ports, name, &PortSpec::name) -
                                      ports.begin());
  }
  ThreadWait& add(std::uint32_t id, ThreadWait wait) {
    auto& waits = task(id).waits;
    wait.number = waits.size() + 1;
    waits.push_back(wait);
    return waits.back();
  }
  void add_team(std::uint32_t number, const std::vector<std::uint32_t>& members) {
    TeamSpec team;
    team.name = "team" + std::to_string(number);
    team.members = members;
    for (const auto member : members) team.machines.push_back(machine_of_[member]);
    for (auto& plan : plans_) {
      plan.teams.push_back(team);
      for (auto& task : plan.tasks) {
        if (std::ranges::find(members, task.id) != members.end()) task.teams.push_back(number);
      }
    }
  }

  std::vector<std::uint32_t> machine_of_;
  std::vector<Edge> edges_;
  std::vector<WiringPlan> plans_;
  std::vector<Status> statuses_;
};

inline std::vector<Edge> ring_of(std::uint32_t tasks) {
  std::vector<Edge> edges;
  for (std::uint32_t t = 0; t < tasks; ++t) edges.push_back({t, {(t + 1) % tasks}});
  return edges;
}

/// Four tasks in a ring that all receive first.
inline Group waiting_ring(std::vector<std::uint32_t> machine_of = {0, 0, 0, 0}) {
  Group group(std::move(machine_of), ring_of(4));
  for (std::uint32_t t = 0; t < 4; ++t) group.receives(t, (t + 3) % 4);
  return group;
}

/// For exchanges with the neighbours: a chain 0 - 1 - 2, with an edge each way. Edges 0 and 1 lead
/// to the right, 2 and 3 back.
inline Group exchanging_chain(std::vector<std::uint32_t> machine_of = {0, 0, 0}) {
  return {std::move(machine_of), {{0, {1}}, {1, {2}}, {1, {0}}, {2, {1}}}};
}

}  // namespace mvm::queue
