// SPDX-License-Identifier: GPL-3.0-or-later
#include "plan_check.hpp"

#include "channel_runs.hpp"
#include "placement.hpp"
#include "queue_rules.hpp"
#include "report.hpp"
#include "task_words.hpp"

namespace mvm::model {
namespace {

Diagnostics check_words(const JobModel& job) {
  TaskWords words(job);
  for (std::uint32_t index = 0; index < job.count; ++index) {
    queue::TaskSpec task;
    task.index = index;
    words.fill(task);
  }
  return words.complaints();
}

Diagnostics check_rules(const Profile& profile, const Topology& topology, const Gaps& gaps) {
  QueueRules rules(profile, topology);
  for_each_channel(topology, [&](std::span<const Edge> run) { (void)rules.spec_for(run); });
  return rules.complaints(gaps);
}

}  // namespace

Diagnostics check_plan(const Profile& profile, const Topology& topology, const Gaps& gaps,
                       const std::vector<std::uint32_t>& cores) {
  Diagnostics complaints;
  if (auto machines = plan_machines(profile, cores); !machines) {
    append(complaints, std::move(machines.error()));
  }
  for (const auto& job : profile.jobs) append(complaints, check_words(job));
  append(complaints, check_rules(profile, topology, gaps));
  return complaints;
}

}  // namespace mvm::model
