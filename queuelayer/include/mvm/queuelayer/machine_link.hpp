// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/channel_ends.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// The channels that leave or enter this machine, carried by ZeroMQ between the queue VMs of a
/// group: one authenticated connection for each direction of each pair of machines.
///
/// The sender's machine keeps a message in its queue until the receiver's machine reports that the
/// receiver has released it. So a queue's capacity holds from end to end, whatever is between, and
/// nothing that the link holds can grow beyond the queues' own capacities.
/// docs/link-protocol.md has the frames.
///
/// Threads: one that owns all queues and sending sockets, one that receives. Both end with the
/// object.
class MachineLink {
 public:
  /// Told by the link's first thread.
  struct Listener {
    std::function<void()> connected;  ///< once: every machine that shares a channel was heard
    std::function<void(Error)>
        failed;  ///< at most once, and the last: kTimedOut, kProtocol, kArena
  };

  /// Binds this machine's endpoint and begins to connect, for at most `patience`. kTransport. The
  /// references must outlive the link.
  [[nodiscard]] static Result<std::unique_ptr<MachineLink>> open(const WiringPlan& plan,
                                                                 const Arena& arena,
                                                                 ChannelEnds& ends,
                                                                 std::chrono::milliseconds patience,
                                                                 Listener listener);

  MachineLink(const MachineLink&) = delete;
  MachineLink& operator=(const MachineLink&) = delete;
  ~MachineLink();

 private:
  struct State;
  explicit MachineLink(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// True when some channel of the plan leaves or enters the machine.
[[nodiscard]] bool needs_link(const WiringPlan& plan);

}  // namespace mvm::queue
