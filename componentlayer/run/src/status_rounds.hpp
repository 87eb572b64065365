// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <mvm/queuelayer/control_protocol.hpp>

namespace mvm::run {

/// Asks all queue VMs of a group what they do, one round after the other. Whoever wants to know is
/// told by the first round that begins after the wish, so two rounds in a row can be told apart in
/// time: the second begins when the first has arrived from everywhere.
class StatusRounds {
 public:
  using Statuses = std::vector<queue::control::Status>;  ///< by machine; empty where it is gone
  using Wish = std::function<void(const Statuses&)>;

  /// `ask` sends to one machine; false when it is gone.
  StatusRounds(std::size_t machines, std::function<bool(std::uint32_t, queue::control::Ask)> ask)
      : ask_(std::move(ask)), statuses_(machines), awaited_(machines) {}

  void wish(Wish wish);
  /// A machine answered. False when it was not asked that.
  [[nodiscard]] bool on_status(std::uint32_t machine, queue::control::Status&& status);
  /// A machine is gone, and answers no more.
  void on_gone(std::uint32_t machine);

 private:
  void begin();
  void end_when_complete();

  std::function<bool(std::uint32_t, queue::control::Ask)> ask_;
  std::vector<Wish> next_;     ///< for the round after this one
  std::vector<Wish> current_;  ///< empty: no round is under way
  std::uint64_t token_ = 0;
  Statuses statuses_;
  std::vector<bool> awaited_;
};

}  // namespace mvm::run
