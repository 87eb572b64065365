// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/model/plan.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/run/group_runner.hpp>

namespace mvm::run {

/// How long a group whose tasks have ended stays for programs that dequeue what they left: until
/// every open port is drained, or nobody took anything for the time that the profile names.
class Lingering {
 public:
  /// The plan must outlive it.
  explicit Lingering(const model::Plan& plan);

  /// False where no port waits, whatever it holds.
  [[nodiscard]] bool is_possible() const { return !ports_.empty(); }

  /// `statuses` by machine, all taken after the last task's end. The time to wait until, which may
  /// have passed; nothing when every port is drained.
  [[nodiscard]] std::optional<SteadyTime> look(std::span<const queue::control::Status> statuses,
                                               SteadyTime time);

  /// As last looked at: those that wait for somebody.
  [[nodiscard]] std::vector<WaitingPort> waiting() const;

 private:
  const model::Plan& plan_;
  std::vector<WaitingPort> ports_;
  std::unordered_map<std::uint64_t, std::size_t> port_of_;  ///< by channel id
  std::uint64_t messages_ = 0;                              ///< at all ports, as last looked at
  std::optional<SteadyTime> until_;
};

}  // namespace mvm::run
