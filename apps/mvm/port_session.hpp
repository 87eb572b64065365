// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/run/group_door.hpp>

namespace mvm::cli {

/// This program's connection to an open port of a running group.
class PortSession {
 public:
  /// `group`: an id, the beginning of one, or a run directory. kNotFound when it is not known or
  /// does not run. Whether the port can be opened so is told by the first thing heard.
  [[nodiscard]] static Result<PortSession> open(const std::string& group,
                                                queue::control::OutsideOpen open);

  [[nodiscard]] Result<void> say(const queue::control::Message& request);

  /// What is there to hear; empty when there is nothing now. Does not block. The last is always an
  /// OutsideClosed, also when the group is gone without a word.
  [[nodiscard]] Result<std::optional<queue::control::OutsideReply>> hear();

  /// Readable when there may be something to hear, once `hear` gave nothing.
  [[nodiscard]] int descriptor() const { return call_.descriptor(); }

 private:
  PortSession(std::string group, run::DoorCall call)
      : group_(std::move(group)), call_(std::move(call)) {}

  std::string group_;
  run::DoorCall call_;
};

}  // namespace mvm::cli
