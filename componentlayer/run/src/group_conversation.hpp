// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/base/outgoing_bytes.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/oslayer/machine.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/run/group_runner.hpp>

#include "deadlock_watch.hpp"
#include "door_desk.hpp"
#include "lingering.hpp"
#include "outcome_record.hpp"
#include "status_rounds.hpp"

namespace mvm::run {

/// The control conversation with all queue VMs of one group, from start to figures. One thread.
class GroupConversation {
 public:
  GroupConversation(const model::Plan& plan, const LaunchSettings& settings,
                    RunDirectory& directory, GroupObserver& observer, int cancel);

  /// Blocks until the group has ended and nothing of it is left.
  [[nodiscard]] GroupOutcome hold();

 private:
  /// How far the conversation with one queue VM has come.
  enum class Phase { kStarting, kReady, kRunning, kEnded, kDone };
  struct Member {
    std::unique_ptr<os::Machine> machine;
    UniqueFd control;
    queue::control::FrameReader reader;
    OutgoingBytes outgoing;
    Phase phase = Phase::kStarting;
    bool heard = false;
    bool hopeless = false;  ///< broken or silent: not worth waiting for
  };

  [[nodiscard]] DoorDesk::Ways desk_ways();
  [[nodiscard]] Result<void> start_machines();
  void poll_once();
  [[nodiscard]] int milliseconds_to_deadline();
  void give_up_on_silent();
  [[nodiscard]] const queue::WaitGraph& graph();
  [[nodiscard]] std::string explanation(std::span<const queue::control::Status> statuses);
  void on_stalled();
  void on_deadlock(const queue::GroupWaits& waits);
  void on_control(std::uint32_t machine);
  [[nodiscard]] bool in_turn(const Member& member, const queue::control::Message& message) const;
  void on_message(std::uint32_t machine, queue::control::Message&& message);
  void on_cancel();
  void on_ready();
  void on_task_end(std::uint32_t machine, const queue::control::TaskEnded& ended);
  void on_breach(std::uint32_t machine, std::string_view what);
  void on_lost(std::uint32_t machine);
  void leave(std::uint32_t machine);
  [[nodiscard]] std::string loss_of(std::uint32_t machine) const;
  void say(Member& member, const queue::control::Message& message);
  void stop_all(queue::control::StopReason reason);
  void finish_when_ended();
  void linger(std::span<const queue::control::Status> statuses);
  void end_lingering_in_time();
  void finish();
  [[nodiscard]] bool all_at_least(Phase phase) const;
  void clean_up();

  const model::Plan& plan_;
  const LaunchSettings& settings_;
  RunDirectory& directory_;
  GroupObserver& observer_;
  int cancel_;
  std::vector<Member> members_;
  OutcomeRecord record_;
  StatusRounds rounds_;
  std::unique_ptr<queue::WaitGraph> graph_;   ///< made when it is needed
  std::unique_ptr<DeadlockWatch> deadlocks_;  ///< likewise
  DoorDesk desk_;
  OutsideSessions& outside_;  ///< those at the desk
  Lingering lingering_;
  GroupState state_ = GroupState::kStarting;
  bool released_ = false;
  bool stopping_ = false;
  bool finishing_ = false;
  int cancel_requests_ = 0;
  SteadyTime started_at_;
  SteadyTime released_at_;
  std::optional<SteadyTime> ended_at_;         ///< all tasks
  std::optional<SteadyTime> linger_deadline_;  ///< holds while no program is connected
  std::optional<SteadyTime> launch_deadline_;  ///< until every queue VM has said hello
  std::optional<SteadyTime> leave_deadline_;   ///< after the second request to cancel
};

}  // namespace mvm::run
