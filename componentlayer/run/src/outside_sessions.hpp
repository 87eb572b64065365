// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/run/group_door.hpp>

namespace mvm::run {

/// The sessions of programs outside, between the group's door and the queue VM of its first
/// machine: a caller has one session, whose number only the queue VM sees. Frames are passed on as
/// they come; how many are under way is limited by their own window. One thread.
class OutsideSessions {
 public:
  using Caller = GroupDoor::Caller;
  struct Ways {
    std::function<void(const queue::control::Message&)> to_queue_vm;
    std::function<void(Caller, const DoorFrame&)> to_caller;
    std::function<void(Caller, const std::string& why)> refuse;
  };
  explicit OutsideSessions(Ways ways) : ways_(std::move(ways)) {}

  /// A frame of a session, from the door.
  void on_caller(Caller caller, const std::string& frame);
  /// A caller has left the door. Others than those of sessions are passed over.
  void on_gone(Caller caller);
  /// What the queue VM says of a session.
  void on_queue_vm(queue::control::Message message);
  /// True for what `on_queue_vm` is to be told.
  [[nodiscard]] static bool is_reply(const queue::control::Message& message);

  /// The first machine is ready: what was said so far is passed on.
  void begin();
  /// Refuses all callers, and those that come later.
  void end(const std::string& why);
  /// True when no program is connected to a port.
  [[nodiscard]] bool empty() const { return session_of_.empty(); }

 private:
  void pass(queue::control::Message message);
  void forget(std::uint32_t session);

  Ways ways_;
  std::map<Caller, std::uint32_t> session_of_;
  std::map<std::uint32_t, Caller> caller_of_;
  std::uint32_t next_session_ = 1;
  bool begun_ = false;
  std::vector<queue::control::Message> waiting_;  ///< until `begin`
  std::string ended_;                             ///< why; empty: not
};

}  // namespace mvm::run
