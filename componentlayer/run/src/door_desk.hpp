// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/run/group_door.hpp>

#include "outside_sessions.hpp"
#include "status_rounds.hpp"

namespace mvm::run {

/// Serves who calls at a group's door: questions are answered by what the queue VMs tell, and
/// programs outside get their sessions at open ports. One thread.
class DoorDesk {
 public:
  using Words = std::function<std::string(const StatusRounds::Statuses&)>;
  struct Ways {
    Words status;       ///< the answer to DoorKind::kAskStatus
    Words waits;        ///< to kAskWaits
    Words explanation;  ///< to kAskExplanation
    std::function<void(const queue::control::Message&)> to_queue_vm;  ///< of the first machine
    std::function<void()> on_gone;                                    ///< a caller has left
  };
  /// `has_ports`: some port is open to programs outside. `rounds` must outlive it.
  DoorDesk(StatusRounds& rounds, bool has_ports, Ways ways);

  /// A group without a door runs as well; it only cannot be asked.
  void open(const std::filesystem::path& path);
  void close() { door_.reset(); }
  /// To be polled; null while it is closed.
  [[nodiscard]] GroupDoor* door() { return door_.get(); }
  [[nodiscard]] OutsideSessions& sessions() { return sessions_; }

 private:
  void on_frame(GroupDoor::Caller caller, DoorFrame&& frame);
  void answer(GroupDoor::Caller caller, const Words& words);

  StatusRounds& rounds_;
  bool has_ports_;
  Ways ways_;
  std::unique_ptr<GroupDoor> door_;
  OutsideSessions sessions_;
};

}  // namespace mvm::run
