// SPDX-License-Identifier: Apache-2.0
#include "link_peers.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include <mvm/queuelayer/waiter.hpp>

#include "carrier.hpp"
#include "link_parcel.hpp"

namespace mvm::queue {
namespace {

using Machines = std::set<std::uint32_t>;

/// The machines that share channels with this one, by what carries them.
std::map<Transport, Machines> machines_of(const WiringPlan& plan) {
  std::map<Transport, Machines> found;
  for (const auto& spec : plan.channels) {
    auto& machines = found[spec.queue.transport];
    machines.insert(spec.sender_machine);
    if (spec.sender_machine == plan.machine) {
      machines.insert(spec.receiver_machines.begin(), spec.receiver_machines.end());
    }
    machines.erase(plan.machine);
  }
  std::erase_if(found, [](const auto& entry) { return entry.second.empty(); });
  return found;
}

Result<std::unique_ptr<Carrier>> open_carrier(Transport transport, const WiringPlan& plan,
                                              const Machines& machines, LinkWatcher& watcher) {
  return transport == Transport::kTcp ? open_tcp_carrier(plan, machines, watcher)
                                      : open_zmq_carrier(plan, machines, watcher);
}

}  // namespace

LinkPeer::LinkPeer(LinkSession::Ends ends, Transport over, Carrier& by, std::int64_t reconnect_ns)
    : machine(ends.peer),
      transport(over),
      carrier(by),
      session(
          ends, reconnect_ns,
          [this](std::string_view head, std::string_view tail) {
            return carrier.send(machine, head, tail);
          },
          counters) {}

void LinkPeer::say_bye() {
  if (std::exchange(bye_said, true)) return;
  session.add({.kind = LinkKind::kBye});
  session.hurry();
}

bool LinkPeer::is_at_rest() const {
  return lost || (bye_said && bye_heard && session.all_acknowledged());
}

Result<std::unique_ptr<LinkPeers>> LinkPeers::open(const WiringPlan& plan, EndpointRecord& bell,
                                                   const GroupClock& clock) {
  std::unique_ptr<LinkPeers> peers(new LinkPeers(clock));
  auto watcher = LinkWatcher::start(bell);
  if (!watcher) return fail(watcher.error());
  peers->watcher_ = std::move(*watcher);
  for (const auto& [transport, machines] : machines_of(plan)) {
    if (auto connected = peers->connect(plan, transport, machines); !connected) {
      return fail(connected.error());
    }
  }
  return peers;
}

Result<void> LinkPeers::connect(const WiringPlan& plan, Transport transport,
                                const Machines& machines) {
  auto opened = open_carrier(transport, plan, machines, *watcher_);
  if (!opened) return fail(opened.error());
  Carrier& carrier = *(carriers_[transport] = std::move(*opened));
  const auto reconnect_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(plan.reconnect).count();
  for (const auto machine : machines) {
    peers_.try_emplace({transport, machine},
                       LinkSession::Ends{plan.machine, machine, group_key(plan.group)}, transport,
                       carrier, reconnect_ns);
  }
  return {};
}

/// What one carrier brings in one round.
class LinkPeers::Intake : public Carrier::Listener {
 public:
  Intake(LinkPeers& peers, Transport transport, const OnFrames& on_frames)
      : peers_(peers), transport_(transport), on_frames_(on_frames) {}

  void on_connected(std::uint32_t machine) override {
    LinkPeer* peer = find(machine);
    if (peer == nullptr) return;
    if (peer->session.heard()) peer->counters.reconnects.fetch_add(1, std::memory_order_relaxed);
    peer->session.on_connected();
  }

  void on_parcel(std::uint32_t machine, std::string_view head, std::string_view tail) override {
    LinkPeer* peer = find(machine);
    if (peer == nullptr || error_) return;
    const auto& refused = peer->counters.parcels_refused;
    const auto refused_before = refused.load(std::memory_order_relaxed);
    auto frames = peer->session.receive(group_now_ns(peers_.clock_), head, tail);
    if (refused.load(std::memory_order_relaxed) != refused_before) damaged_.insert(machine);
    if (!frames || peer->lost) return;
    if (auto done = on_frames_(*peer, *frames); !done) error_ = done.error();
  }

  bool wants_line(std::uint32_t machine, std::uint64_t channel) override {
    const LinkPeer* peer = find(machine);
    return peer != nullptr && peers_.line_desk_->wants_line(*peer, channel);
  }
  void on_line(std::uint32_t machine, std::uint64_t channel, UniqueFd socket) override {
    if (const LinkPeer* peer = find(machine)) {
      peers_.line_desk_->on_line(*peer, channel, std::move(socket));
    }
  }
  void on_no_line(std::uint32_t machine, std::uint64_t channel) override {
    if (const LinkPeer* peer = find(machine)) peers_.line_desk_->on_no_line(*peer, channel);
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  /// Who sent what was damaged on its way. It comes again, over a connection that may be better.
  [[nodiscard]] const Machines& damaged() const { return damaged_; }

 private:
  [[nodiscard]] LinkPeer* find(std::uint32_t machine) {
    const auto found = peers_.peers_.find({transport_, machine});
    return found == peers_.peers_.end() ? nullptr : &found->second;
  }

  LinkPeers& peers_;
  Transport transport_;
  const OnFrames& on_frames_;
  std::optional<Error> error_;
  Machines damaged_;
};

Result<bool> LinkPeers::receive(const OnFrames& on_frames) {
  bool moved = false;
  for (auto& [transport, carrier] : carriers_) {
    Intake intake(*this, transport, on_frames);
    moved |= carrier->receive(intake);
    if (intake.error()) return fail(*intake.error());
    for (const auto machine : intake.damaged()) carrier->reconnect(machine);
  }
  return moved;
}

bool LinkPeers::asks_for_lines() const {
  return std::ranges::any_of(carriers_,
                             [](const auto& entry) { return entry.second->asks_for_lines(); });
}

bool LinkPeers::has_news() const {
  return std::ranges::any_of(carriers_, [](const auto& entry) { return entry.second->has_news(); });
}

bool LinkPeers::flush() {
  bool moved = false;
  const auto now = group_now_ns(clock_);
  for (auto& peer : all()) moved |= !peer.lost && peer.session.flush(now);
  for (auto& [transport, carrier] : carriers_) carrier->flush();
  return moved;
}

std::int64_t LinkPeers::next_due_ns() const {
  auto due_ns = kNoDeadline;
  for (const auto& [key, peer] : peers_) {
    if (peer.lost) continue;
    due_ns = std::min(due_ns, peer.session.due_ns());
    if (!peer.bye_heard) due_ns = std::min(due_ns, peer.session.expires_ns());
  }
  return due_ns;
}

bool LinkPeers::all_heard() const {
  return std::ranges::all_of(peers_,
                             [](const auto& entry) { return entry.second.session.heard(); });
}

void LinkPeers::expect_life() {
  for (auto& peer : all()) peer.session.expect_life(group_now_ns(clock_));
}

void LinkPeers::forget_names() {
  for (auto& [transport, carrier] : carriers_) carrier->forget_name();
}

std::uint64_t LinkPeers::connections_refused() const {
  std::uint64_t refused = 0;
  for (const auto& [transport, carrier] : carriers_) refused += carrier->refused();
  return refused;
}

}  // namespace mvm::queue
