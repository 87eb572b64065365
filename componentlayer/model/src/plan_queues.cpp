// SPDX-License-Identifier: GPL-3.0-or-later
#include <map>
#include <set>
#include <string>
#include <tuple>

#include <mvm/model/plan.hpp>

#include "channel_runs.hpp"
#include "number_runs.hpp"
#include "queue_words.hpp"

namespace mvm::model {
namespace {

/// Receiving ends that are alike: job (that of programs outside is behind the last), port,
/// settings.
using Likeness = std::tuple<std::size_t, std::uint32_t, std::string>;

struct Group {
  std::uint64_t queues = 0;
  std::set<std::uint32_t> tasks;  ///< indices that receive
};

std::string selector_words(const Profile& profile, const Topology& topology, const Likeness& like,
                           const Group& group) {
  const auto& [job, port, settings] = like;
  if (job == profile.jobs.size()) return text(kOutsideJob, ".", topology.ports[port]);
  std::string tasks = "*";
  if (group.tasks.size() < profile.jobs[job].count) {
    NumberRuns runs;
    for (const auto index : group.tasks) runs.add(index);
    tasks = runs.take();
  }
  return text(profile.jobs[job].name, "[", tasks, "].", topology.ports[port]);
}

}  // namespace

std::vector<QueueSummary> plan_queues(const Profile& profile, const Plan& plan) {
  const auto& topology = plan.topology;
  const auto queues = queues_by_id(plan);
  std::map<Likeness, Group> groups;
  std::uint64_t id = 0;
  const auto group_of = [&](std::size_t job, std::uint32_t port) -> Group& {
    auto& group = groups[{job, port, queue_words(*queues[id++], plan.wiring.front())}];
    ++group.queues;
    return group;
  };
  for_each_channel(
      topology,
      [&](std::span<const Edge> run) {
        const auto job = topology.vertices[run.front().to].job;
        auto& group = group_of(job, run.front().to_port);
        for (const auto& edge : run) group.tasks.insert(topology.vertices[edge.to].index);
      },
      [&](std::span<const OpenEdge> run) {
        const auto& first = run.front();
        if (!first.enters) {
          (void)group_of(profile.jobs.size(), first.outside_port);
          return;
        }
        auto& group = group_of(topology.vertices[first.task].job, first.task_port);
        for (const auto& edge : run) group.tasks.insert(topology.vertices[edge.task].index);
      });
  std::vector<QueueSummary> summaries;
  for (const auto& [like, group] : groups) {
    summaries.push_back(
        {selector_words(profile, topology, like, group), group.queues, std::get<2>(like)});
  }
  return summaries;
}

std::vector<const queue::QueueSpec*> queues_by_id(const Plan& plan) {
  std::vector<const queue::QueueSpec*> queues;
  for (const auto& machine : plan.wiring) {
    for (const auto& channel : machine.channels) {
      if (channel.id >= queues.size()) queues.resize(channel.id + 1);
      queues[channel.id] = &channel.queue;
    }
  }
  return queues;
}

}  // namespace mvm::model
