// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/outside_frames.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// The ports of a group that are open to programs outside (WiringPlan::outside). It stands at the
/// inner ends of their channels as one more endpoint of the arena, and speaks with the programs by
/// the frames of outside_frames.hpp, which the starter relays. To the tasks it is one more task,
/// that never ends by itself: a port whose senders are outside ends by OutsideGoing::kEndPort only.
///
/// What it keeps for a session is bounded by kOutsideWindow and one message.
/// Threads: one of its own, which ends with the object. `hear` may be called by any.
class OutsideDoor {
 public:
  /// Told by the door's thread: a few frames at a time.
  using Listener = std::function<void(std::vector<control::OutsideReply>)>;

  /// `arena` must outlive it. kCodec when a codec of an open port cannot be had.
  [[nodiscard]] static Result<std::unique_ptr<OutsideDoor>> open(const WiringPlan& plan,
                                                                 const Arena& arena,
                                                                 Listener listener);
  ~OutsideDoor();
  OutsideDoor(const OutsideDoor&) = delete;
  OutsideDoor& operator=(const OutsideDoor&) = delete;

  /// What a program outside says. Frames of sessions that are over mean nothing. Never blocks.
  void hear(control::OutsideRequest request);

 private:
  struct State;
  explicit OutsideDoor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
