// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/wait_graph.hpp>

#include "status_rounds.hpp"

namespace mvm::run {

/// Looks for deadlocks of a running group: at once when a queue VM reports that some task stands
/// still, and again from time to time while tasks wait, because a group can come to a standstill
/// without a new wait, when a thread ends or a message arrives. Costs nothing while nobody waits
/// for long. One thread: its owner calls `tick`.
class DeadlockWatch {
 public:
  /// `found` is told of each knot once. The references must outlive the watch.
  DeadlockWatch(const queue::WaitGraph& graph, StatusRounds& rounds,
                std::function<void(const queue::GroupWaits&)> found)
      : graph_(graph), rounds_(rounds), found_(std::move(found)) {}

  /// A queue VM sent Stalled.
  void on_stalled();
  /// Does what is due by time. The next time to call, if any.
  std::optional<SteadyTime> tick();
  /// No more questions.
  void stop() { stopped_ = true; }

 private:
  void look();
  void on_first(queue::GroupWaits&& waits);
  void on_second(queue::GroupWaits&& waits);
  void forget_told(queue::GroupWaits& waits) const;
  void look_later(const queue::GroupWaits& waits);

  const queue::WaitGraph& graph_;
  StatusRounds& rounds_;
  std::function<void(const queue::GroupWaits&)> found_;
  queue::GroupWaits candidate_;
  std::set<std::vector<std::uint32_t>> told_;  ///< knots
  SteadyTime begun_;                           ///< of the look that is under way, or was last
  SteadyTime::duration pause_{};
  std::optional<SteadyTime> due_;
  bool looking_ = false;
  bool stalled_ = false;  ///< again, during a look
  bool stopped_ = false;
};

}  // namespace mvm::run
