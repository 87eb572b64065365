// SPDX-License-Identifier: GPL-3.0-or-later
#include "outcome_record.hpp"

#include <algorithm>
#include <utility>

#include <mvm/base/text.hpp>

namespace mvm::run {

namespace control = queue::control;

namespace {

TaskEnd task_end_of(const control::TaskEnded& ended) {
  switch (ended.kind) {
    case control::EndKind::kExited:
      return ended.status == 0 ? TaskEnd::kSucceeded : TaskEnd::kFailed;
    case control::EndKind::kSignalled:
      return TaskEnd::kSignalled;
    case control::EndKind::kFollower:
      return TaskEnd::kFollower;
    case control::EndKind::kLostWorker:
      return TaskEnd::kLostWorker;
    case control::EndKind::kStopped:
    case control::EndKind::kTimeLimit:
      return TaskEnd::kStopped;
  }
  return TaskEnd::kStopped;
}

}  // namespace

OutcomeRecord::OutcomeRecord(const model::Plan& plan) : plan_(plan), counts_(plan.wiring.size()) {
  outcome_.group = plan.group;
  for (std::uint32_t m = 0; m < plan.wiring.size(); ++m) {
    for (const auto& task : plan.wiring[m].tasks) {
      spec_of_[task.id] = &task;
      outcome_.tasks.push_back({.id = task.id, .name = task.name(), .machine = m});
      if (task.cores.size() == 1) {
        outcome_.tasks.back().core = static_cast<std::int32_t>(task.cores.front());
      }
    }
  }
  std::ranges::sort(outcome_.tasks, {}, &TaskOutcome::id);
  for (std::size_t i = 0; i < outcome_.tasks.size(); ++i) outcome_of_[outcome_.tasks[i].id] = i;
}

const queue::TaskSpec* OutcomeRecord::task(std::uint32_t id) const {
  const auto found = spec_of_.find(id);
  return found == spec_of_.end() ? nullptr : found->second;
}

void OutcomeRecord::on_start(const control::TaskStarted& started) {
  const auto found = outcome_of_.find(started.task);
  if (found != outcome_of_.end()) outcome_.tasks[found->second].pid = started.pid;
}

const TaskOutcome* OutcomeRecord::on_end(std::uint32_t machine, const control::TaskEnded& ended) {
  const auto found = outcome_of_.find(ended.task);
  if (found == outcome_of_.end()) return nullptr;
  TaskOutcome& task = outcome_.tasks[found->second];
  if (task.machine != machine) return nullptr;
  task.end = task_end_of(ended);
  task.status = ended.status;
  task.ran = ended.ran;
  task.cpu = ended.cpu;
  task.peak_memory = ended.peak_memory;
  return &task;
}

void OutcomeRecord::on_figures(std::uint32_t machine, control::Figures&& figures) {
  counts_[machine] = std::move(figures.channels);
}

void OutcomeRecord::conclude(GroupState state, int exit_status, std::string cause) {
  if (concluded_) return;
  concluded_ = true;
  outcome_.state = state;
  outcome_.exit_status = exit_status;
  outcome_.cause = std::move(cause);
}

GroupOutcome OutcomeRecord::take() {
  settle_channels();
  const auto followers = std::ranges::count(outcome_.tasks, TaskEnd::kFollower, &TaskOutcome::end);
  conclude(GroupState::kCompleted, exit_status::kSuccess,
           followers == 0 ? std::string("every task ended well")
                          : text("no task failed; ", followers, " ended at a closed queue"));
  return std::move(outcome_);
}

/// Where a channel has one receiver, what is left was lost when that one died.
void OutcomeRecord::settle_channels() {
  outcome_.channels = put_together(plan_.wiring, counts_);
  std::unordered_map<std::uint64_t, std::uint32_t> sole_receivers;
  for (const auto& wiring : plan_.wiring) {
    for (const auto& channel : wiring.channels) {
      if (channel.receivers.size() == 1) sole_receivers[channel.id] = channel.receivers.front();
    }
  }
  for (auto& figures : outcome_.channels) {
    const auto sole = sole_receivers.find(figures.channel);
    if (sole == sole_receivers.end()) continue;
    const auto receiver = outcome_of_.find(sole->second);
    if (receiver == outcome_of_.end()) continue;
    if (outcome_.tasks[receiver->second].end == TaskEnd::kSucceeded) continue;
    figures.lost_with_task += std::exchange(figures.left, 0);
  }
}

}  // namespace mvm::run
