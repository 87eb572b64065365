// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <mvm/model/plan.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/run/group_outcome.hpp>

#include "channel_figures.hpp"

namespace mvm::run {

/// What becomes of a group, gathered while it runs from what its queue VMs tell.
class OutcomeRecord {
 public:
  /// The plan must outlive it.
  explicit OutcomeRecord(const model::Plan& plan);

  /// Null where the group has no such task: what a queue VM says is not to be trusted.
  [[nodiscard]] const queue::TaskSpec* task(std::uint32_t id) const;

  void on_start(const queue::control::TaskStarted& started);
  /// Null where the task is none of that machine's.
  [[nodiscard]] const TaskOutcome* on_end(std::uint32_t machine,
                                          const queue::control::TaskEnded& ended);
  void on_figures(std::uint32_t machine, queue::control::Figures&& figures);
  void on_deadlock(std::size_t knots) { outcome_.deadlocks += static_cast<std::uint32_t>(knots); }
  void set_start(Duration from_built_to_released) { outcome_.start = from_built_to_released; }
  void set_ran(Duration from_release_to_end) { outcome_.ran = from_release_to_end; }

  /// Remembers the first cause; everything later is a consequence.
  void conclude(GroupState state, int exit_status, std::string cause);
  [[nodiscard]] bool is_concluded() const { return concluded_; }
  [[nodiscard]] const std::string& cause() const { return outcome_.cause; }

  /// Everything; a group that nobody concluded has completed.
  [[nodiscard]] GroupOutcome take();

 private:
  void settle_channels();

  const model::Plan& plan_;
  std::unordered_map<std::uint32_t, const queue::TaskSpec*> spec_of_;
  std::unordered_map<std::uint32_t, std::size_t> outcome_of_;  ///< by task id
  std::vector<MachineCounts> counts_;
  GroupOutcome outcome_;
  bool concluded_ = false;
};

}  // namespace mvm::run
