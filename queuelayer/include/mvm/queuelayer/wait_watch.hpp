// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// The queue VM's eye on the waits of its tasks. It notices tasks that have waited for a while
/// without any change, at the price of one look per task and period, and describes all waits when
/// asked. It relies on its wiring plan, and on nothing in the arena but counters and stamps.
/// One thread.
class WaitWatch {
 public:
  /// How often to look, and how long a wait must have stood to be worth telling.
  static constexpr std::chrono::milliseconds kPeriod{100};
  static constexpr std::chrono::milliseconds kStall{200};

  /// Both must outlive it.
  WaitWatch(const WiringPlan& plan, const Arena& arena);

  /// When `look` is due. Groups so large that looking takes time are looked at less often.
  [[nodiscard]] SteadyTime due() const { return due_; }
  /// Looks at all tasks. True when some task stands still that had not been told of in this wait.
  [[nodiscard]] bool look();

  /// What every task waits for now. `pids` are their processes, in the plan's order; 0: not
  /// started.
  [[nodiscard]] std::vector<control::TaskStatus> tasks(const std::vector<pid_t>& pids) const;

 private:
  struct Task {
    std::uint64_t waits = 0;  ///< of the endpoint, when it changed last
    SteadyTime since{};       ///< when that was
    bool told = false;
  };
  [[nodiscard]] std::span<const PortRecord> ports_of(std::uint32_t task) const;
  class ProcessView;
  [[nodiscard]] control::TaskStatus describe(std::uint32_t task, pid_t pid,
                                             ProcessView& processes) const;

  const WiringPlan& plan_;
  const Arena& arena_;
  std::vector<Task> tasks_;
  SteadyTime due_{};
};

}  // namespace mvm::queue
