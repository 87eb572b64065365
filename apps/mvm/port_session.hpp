// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/run/group_door.hpp>

#include "verb.hpp"

namespace mvm::cli {

/// Which port: the arguments of verbs that use one.
[[nodiscard]] Positional group_positional();
[[nodiscard]] Positional port_positional();

/// This program's connection to an open port of a running group. Its life is a loop of `hear`,
/// `say` and `wait`.
class PortSession {
 public:
  /// `group`: an id, the beginning of one, or a run directory. kNotFound when it is not known or
  /// does not run. Whether the port can be opened so is told by the first thing heard.
  [[nodiscard]] static Result<PortSession> open(const std::string& group,
                                                queue::control::OutsideOpen open);

  [[nodiscard]] Result<void> say(const queue::control::Message& request);

  using OnReply = std::function<Result<void>(const queue::control::OutsideReply&)>;
  /// Hands over everything that is there to hear. Does not block. The end when that is among it; it
  /// comes also when the group is gone without a word.
  [[nodiscard]] Result<std::optional<queue::control::OutsideClosed>> hear(const OnReply& on_reply);

  /// Blocks until there may be something to hear, or something to read from `other` (-1: nothing).
  /// True for the latter. Not before `hear` gave no end.
  [[nodiscard]] bool wait(int other) const;

 private:
  PortSession(std::string group, run::DoorCall call)
      : group_(std::move(group)), call_(std::move(call)) {}
  [[nodiscard]] Result<std::optional<queue::control::OutsideReply>> next();

  std::string group_;
  run::DoorCall call_;
};

}  // namespace mvm::cli
