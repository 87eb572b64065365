// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <ranges>
#include <set>
#include <utility>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "carrier.hpp"
#include "link_frame.hpp"
#include "link_session.hpp"
#include "link_watcher.hpp"

namespace mvm::queue {

/// Another machine, over one transport. It is greeted, talks, says farewell and hears one; or it is
/// lost on the way.
struct LinkPeer {
  LinkPeer(LinkSession::Ends ends, Transport over, Carrier& by, std::int64_t reconnect_ns);

  /// Channels may still say something to it.
  [[nodiscard]] bool talks() const { return !bye_said && !lost; }
  /// Nothing more is to be told. The second time nothing happens.
  void say_bye();
  /// Nothing more will pass in either direction.
  [[nodiscard]] bool is_at_rest() const;

  std::uint32_t machine;
  Transport transport;
  Carrier& carrier;
  LinkCounters counters;
  LinkSession session;
  bool bye_said = false;
  bool bye_heard = false;
  bool lost = false;  ///< silent for too long
};

/// The machines with which this one shares channels, and the carriers that reach them: one peer for
/// each machine and transport. All calls by the link's thread, but `connections_refused` and the
/// peers' counters.
class LinkPeers {
 public:
  /// What a sound parcel of a peer says. An error ends the link.
  using OnFrames = std::function<Result<void>(LinkPeer& peer, FrameReader& frames)>;

  /// Binds and begins to connect. Everything given must outlive it. Errors: kTransport,
  /// kPermission.
  [[nodiscard]] static Result<std::unique_ptr<LinkPeers>> open(const WiringPlan& plan,
                                                               EndpointRecord& bell,
                                                               const GroupClock& clock);

  /// Who deals with direct lines.
  class LineDesk {
   public:
    virtual ~LineDesk() = default;
    /// A peer asks for the line of this channel (its id). False to refuse it.
    [[nodiscard]] virtual bool wants_line(const LinkPeer& peer, std::uint64_t channel) = 0;
    /// It stands, and nothing has passed over it.
    virtual void on_line(const LinkPeer& peer, std::uint64_t channel, UniqueFd socket) = 0;
    /// One that was asked for does not.
    virtual void on_no_line(const LinkPeer& peer, std::uint64_t channel) = 0;
  };
  /// Before `receive`; it must outlive the peers.
  void set_line_desk(LineDesk& desk) { line_desk_ = &desk; }
  /// Some line was asked for, and neither stands nor will not.
  [[nodiscard]] bool asks_for_lines() const;

  [[nodiscard]] auto all() { return std::views::values(peers_); }
  [[nodiscard]] LinkPeer& at(Transport transport, std::uint32_t machine) {
    return peers_.at({transport, machine});
  }

  /// Takes in what has come. True when there was something. Errors: those of `on_frames`.
  [[nodiscard]] Result<bool> receive(const OnFrames& on_frames);
  /// True when `receive` has something to do.
  [[nodiscard]] bool has_news() const;
  /// Looks at the sockets for it, which only the watcher does otherwise.
  void look() { watcher_->look(); }
  [[nodiscard]] LinkWatcher& watcher() { return *watcher_; }
  /// Sends what was added, and what is due. True when something went out.
  bool flush();
  /// When `flush` has something to do though nothing was added, or a peer has been silent for too
  /// long.
  [[nodiscard]] std::int64_t next_due_ns() const;

  /// Every peer was heard.
  [[nodiscard]] bool all_heard() const;
  /// Begins to count silence from now.
  void expect_life();
  /// Every peer has found this machine's sockets: removes their names.
  void forget_names();
  [[nodiscard]] std::uint64_t connections_refused() const;

 private:
  class Intake;
  explicit LinkPeers(const GroupClock& clock) : clock_(clock) {}
  [[nodiscard]] Result<void> connect(const WiringPlan& plan, Transport transport,
                                     const std::set<std::uint32_t>& machines);

  const GroupClock& clock_;
  LineDesk* line_desk_ = nullptr;
  std::map<Transport, std::unique_ptr<Carrier>> carriers_;
  std::unique_ptr<LinkWatcher> watcher_;  ///< gone before the carriers that it watches for
  std::map<std::pair<Transport, std::uint32_t>, LinkPeer> peers_;
};

}  // namespace mvm::queue
