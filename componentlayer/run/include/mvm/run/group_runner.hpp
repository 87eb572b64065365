// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/model/plan.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/queuelayer/wait_graph.hpp>
#include <mvm/run/group_outcome.hpp>
#include <mvm/run/run_directory.hpp>

namespace mvm::run {

/// An open port that holds messages which no program has taken, when all tasks have ended.
struct WaitingPort {
  std::string name;
  std::uint64_t messages = 0;
  Duration linger{0};  ///< how long they are kept
};

/// Hears what happens to a group, from the thread that called `GroupRunner::run`.
class GroupObserver {
 public:
  virtual ~GroupObserver() = default;
  virtual void on_state(GroupState) {}
  /// Whole lines where there are any: ends with '\n' except at the end of a stream or past 64 KiB.
  virtual void on_output(const queue::TaskSpec& /*task*/, RunDirectory::Stream,
                         std::string_view /*bytes*/) {}
  virtual void on_task_end(const TaskOutcome&) {}
  /// Tasks wait for each other and will for ever. `words` are for people: whole lines. Told once of
  /// each such knot; what follows is up to LaunchSettings::on_deadlock.
  virtual void on_deadlock(const queue::GroupWaits&, std::string_view /*words*/) {}
  /// Told once of each port that the group stays for, after GroupState::kLingering.
  virtual void on_waiting_port(std::string_view /*group*/, const WaitingPort&) {}
};

/// How queue VMs are started, and what is done about their groups.
struct LaunchSettings {
  std::filesystem::path queue_vm;  ///< the mvmq program
  /// Put before the mvmq command, as an rsh agent: words with {machine} and {name} replaced. Empty:
  /// started directly.
  std::vector<std::string> launch;
  /// With `launch`: "tcp://ADDRESS:PORT" with {machine}, where each mvmq listens for the others.
  /// Empty: unix sockets in the user's runtime folder.
  std::string endpoint;
  /// Likewise, for direct links (transport="tcp"); needed with `endpoint` when a queue has one.
  std::string direct_endpoint;
  model::DeadlockAction on_deadlock = model::DeadlockAction::kEnd;
};

/// Runs one planned and built group to its end: starts a queue VM per machine, hands out wiring
/// plans, releases all tasks together, passes output on, ends everything, collects outputs. Used
/// once. Whatever happens, nothing of the group is left when `run` returns; and when this process
/// is killed, the queue VMs notice and end by themselves.
class GroupRunner {
 public:
  /// `plan.wiring[*].programs` must be filled. `cancel` is a descriptor that becomes readable when
  /// the user asks to stop (a signalfd or eventfd): the first time asks the tasks to end, the
  /// second time within the grace kills them. The references must outlive the runner.
  GroupRunner(model::Plan& plan, LaunchSettings settings, RunDirectory& directory,
              GroupObserver& observer, int cancel);

  /// Blocks until the group has ended. Launch failures are outcomes too (state FAILED, status 125).
  [[nodiscard]] GroupOutcome run();

 private:
  model::Plan& plan_;
  LaunchSettings settings_;
  RunDirectory& directory_;
  GroupObserver& observer_;
  int cancel_;
};

}  // namespace mvm::run
