// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/channel_ends.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// What a link has carried so far.
struct LinkFigures {
  /// One direction of one channel to or from one other machine. While `passed` at the sender's
  /// machine is not `passed` at the receiver's, messages are on their way.
  struct Channel {
    std::uint64_t id = 0;
    std::uint32_t machine = 0;  ///< the other one
    bool leaves = false;
    std::uint64_t passed = 0;  ///< whole messages: sent, or arrived
    std::uint64_t done = 0;    ///< of them, those that the receiver's side needs no more
  };
  std::vector<Channel> channels;
  std::vector<control::LinkCount> peers;
  std::uint64_t connections_refused = 0;  ///< of strangers
};

/// The channels that leave or enter this machine, carried between the queue VMs of a group: by
/// ZeroMQ, or by sockets of our own where the plan says so. One authenticated connection to each
/// other machine and transport.
///
/// The sender's machine keeps a message in its queue until the receiver's machine reports that
/// nobody there needs it any more. So a queue's capacity holds from end to end, whatever is
/// between, nothing that the link holds can grow beyond the queues' own capacities, and what a
/// broken connection has lost can be sent again. docs/link-protocol.md has the conversation.
///
/// Threads: one that owns all queues and sockets, one that watches the sockets while the first
/// sleeps. Both end with the object.
class MachineLink {
 public:
  /// Told by the link's first thread.
  struct Listener {
    /// Once: every machine that shares a channel was heard, and this one has the direct lines that
    /// it asked for.
    std::function<void()> connected;
    /// The link gave up, or one machine: kTimedOut when not all were heard in time; kTransport when
    /// a machine was silent for WiringPlan::reconnect: then the streams to and from it have ended,
    /// and the others go on; kProtocol when a peer broke the protocol; kArena.
    std::function<void(Error)> failed;
    std::function<void()> settled;  ///< `settle` would give true now; may be empty
  };

  /// Of tasks, by their position in the plan: over which each is handed direct lines. Those
  /// that get none need none.
  using TaskSockets = std::map<std::uint32_t, UniqueFd>;

  /// Binds and begins to connect. `patience` is for all machines together. `plan`, `arena`, `ends`
  /// must outlive the link. Errors: kTransport where an address cannot be bound, kPermission for a
  /// folder of sockets that others may enter.
  [[nodiscard]] static Result<std::unique_ptr<MachineLink>> open(
      const WiringPlan& plan, const Arena& arena, ChannelEnds& ends,
      std::chrono::milliseconds patience, Listener listener, TaskSockets tasks = {});

  MachineLink(const MachineLink&) = delete;
  MachineLink& operator=(const MachineLink&) = delete;
  ~MachineLink();

  /// All machines are connected and the tasks begin: nobody new is expected.
  void begin();

  /// Once the tasks of all machines have ended: waits until every machine has told what became of
  /// the messages that it was sent, so that the figures of all machines agree. To be called on all
  /// machines; each waits for the others. False when some have not answered within `patience`; the
  /// link goes on asking them, for as long as a broken connection may take.
  bool settle(std::chrono::milliseconds patience);

  /// Any thread, at any time. The numbers are read one by one while the link goes on.
  [[nodiscard]] LinkFigures figures() const;

 private:
  struct State;
  explicit MachineLink(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// True when some channel of the plan leaves or enters the machine.
[[nodiscard]] bool needs_link(const WiringPlan& plan);

}  // namespace mvm::queue
