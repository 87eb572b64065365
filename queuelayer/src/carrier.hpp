// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string_view>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "link_watcher.hpp"

namespace mvm::queue {

/// Moves parcels between this machine and others: over one connection to each, which keeps the
/// order, and after a break makes itself anew and may have lost what was under way. Only machines
/// of the group are let in. Knows nothing of what parcels mean.
///
/// All calls by the link's thread, but `has_news`. No call blocks.
class Carrier {
 public:
  /// Told of what came in, from within `receive`.
  class Listener {
   public:
    virtual ~Listener() = default;
    /// The parcel lies where it came in, until the call returns.
    virtual void on_parcel(std::uint32_t machine, std::string_view head, std::string_view tail) = 0;
    /// A new connection to the machine stands.
    virtual void on_connected(std::uint32_t machine) = 0;
    /// The machine asks for a direct line of this channel (its id). False to refuse it.
    virtual bool wants_line(std::uint32_t machine, std::uint64_t channel) = 0;
    /// It stands: nothing has passed over it.
    virtual void on_line(std::uint32_t machine, std::uint64_t channel, UniqueFd socket) = 0;
    /// One that this machine has asked for does not.
    virtual void on_no_line(std::uint32_t machine, std::uint64_t channel) = 0;
  };

  Carrier() = default;
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;
  virtual ~Carrier() = default;

  /// Sends a parcel. `tail` need not be copied: it stays mapped while the carrier lives. False when
  /// the machine is not connected or the network takes nothing more now; there will be news then.
  [[nodiscard]] virtual bool send(std::uint32_t machine, std::string_view head,
                                  std::string_view tail) = 0;
  /// Nothing more is to be sent for now: what `send` has gathered leaves.
  virtual void flush() {}
  /// Takes in what has come. True when there was something; there may be more then.
  virtual bool receive(Listener& listener) = 0;
  /// True when `receive` has something to do, or `send` may succeed again. Any thread.
  [[nodiscard]] virtual bool has_news() const = 0;

  /// Nothing was heard for too long, or it made no sense: makes the connection anew.
  virtual void reconnect(std::uint32_t machine) = 0;
  /// Asks a machine of a lower number for the direct line of a channel; once for each.
  virtual void ask_for_line(std::uint32_t machine, std::uint64_t channel) = 0;
  /// True until all that were asked for stand, or do not.
  [[nodiscard]] virtual bool asks_for_lines() const = 0;

  /// Every machine has found this one: removes the name of a unix socket.
  virtual void forget_name() = 0;
  /// Connections that were turned away, because they did not prove to be of the group.
  [[nodiscard]] virtual std::uint64_t refused() const = 0;
};

/// Both bind, and begin to connect to the machines of `partners`. Errors: kTransport where that
/// cannot be, kPermission for a folder that others may enter, kInvalidPlan without the group's keys
/// for TCP. `watcher` must be gone before the carrier.
[[nodiscard]] Result<std::unique_ptr<Carrier>> open_zmq_carrier(
    const WiringPlan& plan, const std::set<std::uint32_t>& partners, LinkWatcher& watcher);
[[nodiscard]] Result<std::unique_ptr<Carrier>> open_tcp_carrier(
    const WiringPlan& plan, const std::set<std::uint32_t>& partners, LinkWatcher& watcher);

/// What carriers send in one go without looking what comes in.
inline constexpr int kParcelsPerLook = 64;

}  // namespace mvm::queue
