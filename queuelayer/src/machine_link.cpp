// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/machine_link.hpp>

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/waiter.hpp>

#include "link_channel.hpp"
#include "link_session.hpp"
#include "link_watcher.hpp"
#include "tcp_carrier.hpp"
#include "zmq_carrier.hpp"

namespace mvm::queue {
namespace {

std::int64_t to_ns(std::chrono::milliseconds duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

/// Another machine, over one carrier.
struct Peer {
  std::uint32_t machine;
  Transport transport;
  Carrier& carrier;
  LinkCounters counters;
  LinkSession session;
  bool bye_said = false;  ///< nothing more is to be told
  bool bye_heard = false;
  bool lost = false;  ///< silent for too long

  Peer(LinkSession::Ends ends, Transport over, Carrier& the_carrier, std::int64_t reconnect_ns)
      : machine(ends.peer),
        transport(over),
        carrier(the_carrier),
        session(
            ends, reconnect_ns,
            [this](std::string_view head, std::string_view tail) {
              return carrier.send(machine, head, tail);
            },
            counters) {}
};

struct OutletOfPeer {
  std::unique_ptr<LinkOutlet> outlet;
  Peer* peer;
};
struct InletOfPeer {
  std::unique_ptr<LinkInlet> inlet;
  Peer* peer;
};

}  // namespace

struct MachineLink::State {
  State(const WiringPlan& the_plan, const Arena& the_arena, ChannelEnds& the_ends)
      : plan(the_plan),
        arena(the_arena),
        ends(the_ends),
        bell(the_arena.endpoint(the_arena.header().link)),
        heap(bell.heap, bell.heap_size) {}

  /// Parcels of one carrier.
  class Line : public Carrier::Listener {
   public:
    Line(State& state, Transport transport) : state_(state), transport_(transport) {}
    void on_parcel(std::uint32_t machine, std::string_view head, std::string_view tail) override {
      state_.on_parcel(transport_, machine, head, tail);
    }
    void on_connected(std::uint32_t machine) override { state_.on_connected(transport_, machine); }

    std::unique_ptr<Carrier> carrier;

   private:
    State& state_;
    Transport transport_;
  };

  const WiringPlan& plan;
  const Arena& arena;
  ChannelEnds& ends;
  EndpointRecord& bell;  ///< the link's endpoint
  SenderHeap heap;
  std::map<Transport, Line> lines;
  std::unique_ptr<LinkWatcher> watcher;  ///< gone before the carriers that it watches for
  std::map<std::pair<Transport, std::uint32_t>, Peer> peers;
  std::vector<OutletOfPeer> outlets;
  std::vector<InletOfPeer> inlets;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> outlets_of;  ///< by channel id
  std::unordered_map<std::uint64_t, std::size_t> inlet_of;
  std::size_t turn = 0;  ///< the outlet that goes first
  std::optional<Error> error;
  std::set<Peer*> to_reconnect;
  Listener listener;
  std::int64_t clock_ns = 0;

  std::atomic<bool> ending{false};
  std::atomic<bool> settling{false};
  std::mutex settled_mutex;
  std::condition_variable settled_changed;
  bool settled = false;
  std::thread thread;

  [[nodiscard]] Result<void> open_lines();
  [[nodiscard]] Result<void> open_line(Transport transport,
                                       const std::set<std::uint32_t>& partners);
  void open_channels();
  void add_outlets(std::uint32_t channel);
  [[nodiscard]] std::map<Transport, std::set<std::uint32_t>> partners() const;

  void work(std::chrono::milliseconds patience);
  [[nodiscard]] Result<void> relay(std::chrono::milliseconds patience);
  [[nodiscard]] Result<bool> work_once();
  [[nodiscard]] Result<bool> pump_outlets();
  [[nodiscard]] bool report_inlets();
  [[nodiscard]] bool flush_peers();
  void look_for_silence();
  void greet();
  void settle_down();
  void say_bye(Peer& peer);
  void end_streams(Peer& peer);
  [[nodiscard]] bool all_heard() const;
  [[nodiscard]] bool is_at_rest(const Peer& peer) const;
  [[nodiscard]] bool has_work();
  [[nodiscard]] std::int64_t next_due_ns() const;
  [[nodiscard]] std::int64_t now_ns();

  void on_connected(Transport transport, std::uint32_t machine);
  void on_parcel(Transport transport, std::uint32_t machine, std::string_view head,
                 std::string_view tail);
  [[nodiscard]] Result<void> on_frames(Peer& peer, FrameReader& frames);
  [[nodiscard]] Result<void> on_frame(Peer& peer, const LinkFrame& frame);
  [[nodiscard]] Result<void> on_news(Peer& peer, const LinkFrame& frame);
  [[nodiscard]] Result<void> on_data(Peer& peer, const LinkFrame& frame);
  [[nodiscard]] OutletOfPeer* find_outlet(const Peer& peer, std::uint64_t channel);
  [[nodiscard]] InletOfPeer* find_inlet(const Peer& peer, std::uint64_t channel);

  bool connected_told = false;
};

bool needs_link(const WiringPlan& plan) {
  return std::any_of(plan.channels.begin(), plan.channels.end(), [&](const ChannelSpec& channel) {
    return channel.sender_machine != plan.machine ||
           std::any_of(channel.receiver_machines.begin(), channel.receiver_machines.end(),
                       [&](std::uint32_t machine) { return machine != plan.machine; });
  });
}

MachineLink::MachineLink(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<MachineLink>> MachineLink::open(const WiringPlan& plan, const Arena& arena,
                                                       ChannelEnds& ends,
                                                       std::chrono::milliseconds patience,
                                                       Listener listener) {
  auto state = std::make_unique<State>(plan, arena, ends);
  state->listener = std::move(listener);
  if (auto opened = state->open_lines(); !opened) return fail(opened.error());
  state->open_channels();
  state->thread = std::thread([s = state.get(), patience] { s->work(patience); });
  return std::unique_ptr<MachineLink>(new MachineLink(std::move(state)));
}

MachineLink::~MachineLink() {
  state_->ending = true;
  ring_slowly(state_->bell);
  if (state_->thread.joinable()) state_->thread.join();
}

/// The machines that share channels with this one, by what carries them.
std::map<Transport, std::set<std::uint32_t>> MachineLink::State::partners() const {
  std::map<Transport, std::set<std::uint32_t>> found;
  for (const auto& spec : plan.channels) {
    auto& machines = found[spec.queue.transport];
    if (spec.sender_machine != plan.machine) {
      machines.insert(spec.sender_machine);
    } else {
      machines.insert(spec.receiver_machines.begin(), spec.receiver_machines.end());
    }
    machines.erase(plan.machine);
  }
  std::erase_if(found, [](const auto& entry) { return entry.second.empty(); });
  return found;
}

Result<void> MachineLink::State::open_lines() {
  auto started = LinkWatcher::start(bell);
  if (!started) return fail(started.error());
  watcher = std::move(*started);
  for (const auto& [transport, machines] : partners()) {
    if (auto opened = open_line(transport, machines); !opened) return opened;
  }
  return {};
}

Result<void> MachineLink::State::open_line(Transport transport,
                                           const std::set<std::uint32_t>& machines) {
  Line& line = lines.try_emplace(transport, *this, transport).first->second;
  if (transport == Transport::kTcp) {
    auto carrier = TcpCarrier::open(plan, machines, *watcher);
    if (!carrier) return fail(carrier.error());
    line.carrier = std::move(*carrier);
  } else {
    auto carrier = ZmqCarrier::open(plan, machines, *watcher);
    if (!carrier) return fail(carrier.error());
    line.carrier = std::move(*carrier);
  }
  const auto reconnect_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(plan.reconnect).count();
  for (const auto machine : machines) {
    peers.try_emplace({transport, machine},
                      LinkSession::Ends{plan.machine, machine, group_key(plan.group)}, transport,
                      *line.carrier, reconnect_ns);
  }
  return {};
}

void MachineLink::State::open_channels() {
  for (std::uint32_t i = 0; i < plan.channels.size(); ++i) {
    const auto& spec = plan.channels[i];
    if (spec.sender_machine == plan.machine) {
      add_outlets(i);
      continue;
    }
    const bool ring = arena.channel(i).kind == ChannelKind::kRing;
    inlet_of[spec.id] = inlets.size();
    inlets.push_back({ring ? make_ring_inlet(arena, i, heap) : make_shelf_inlet(arena, i, heap),
                      &peers.at({spec.queue.transport, spec.sender_machine})});
  }
}

/// One outlet for each other machine that has receivers.
void MachineLink::State::add_outlets(std::uint32_t channel) {
  const auto& spec = plan.channels[channel];
  std::map<std::uint32_t, std::uint64_t> receivers;
  for (const auto machine : spec.receiver_machines) {
    if (machine != plan.machine) ++receivers[machine];
  }
  for (const auto& [machine, count] : receivers) {
    // Where receivers compete, a machine is given no more than its receivers can take at once.
    LinkCredit credit{.messages = spec.queue.capacity,
                      .competing = spec.receivers.size() > 1,
                      .outlets = receivers.size()};
    if (credit.competing) credit.messages = std::min<std::uint64_t>(count, credit.messages);
    const bool ring = arena.channel(channel).kind == ChannelKind::kRing;
    outlets_of[spec.id].push_back(outlets.size());
    outlets.push_back({ring ? make_ring_outlet(arena, channel, credit)
                            : make_shelf_outlet(arena, channel, credit),
                       &peers.at({spec.queue.transport, machine})});
  }
}

/// Group time. Stands still while the group does.
std::int64_t MachineLink::State::now_ns() {
  const auto& clock = arena.header().clock;
  if (clock.stopped.load(std::memory_order_acquire) == 0) clock_ns = group_now_ns(clock);
  return clock_ns;
}

void MachineLink::State::work(std::chrono::milliseconds patience) {
  // A peer that closes its socket is an error of the write, not a death.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  if (auto done = relay(patience); !done) listener.failed(done.error());
  for (auto& [key, peer] : peers) {
    say_bye(peer);
    peer.session.flush(now_ns());
  }
  {
    const std::scoped_lock lock(settled_mutex);
    settled = true;
  }
  settled_changed.notify_all();
}

Result<void> MachineLink::State::relay(std::chrono::milliseconds patience) {
  Waiter waiter(bell, arena.header().clock);
  const auto deadline_ns = now_ns() + to_ns(patience);
  for (auto& [key, peer] : peers) peer.session.expect_life(now_ns());
  while (!ending) {
    auto moved = work_once();
    if (!moved) return fail(moved.error());
    if (!connected_told) {
      greet();
      if (!connected_told && now_ns() >= deadline_ns) {
        return fail(ErrorCode::kTimedOut, "not every machine of the group answered within ",
                    mvm::to_string(Duration(patience)), "; can they reach each other's addresses?");
      }
    }
    if (*moved) continue;
    const auto due_ns = connected_told ? next_due_ns() : std::min(next_due_ns(), deadline_ns);
    waiter.wait([this] { return ending || has_work(); }, due_ns);
  }
  return {};
}

bool MachineLink::State::all_heard() const {
  return std::all_of(peers.begin(), peers.end(),
                     [](const auto& entry) { return entry.second.session.heard(); });
}

void MachineLink::State::greet() {
  if (!all_heard()) return;
  connected_told = true;
  // Everybody has found this machine's sockets: their names have served their purpose.
  for (auto& [transport, line] : lines) line.carrier->forget_name();
  for (auto& [key, peer] : peers) peer.session.expect_life(now_ns());
  listener.connected();
}

/// One round: takes what has come, gives every channel its turn, and sends. True when something
/// moved.
Result<bool> MachineLink::State::work_once() {
  bool moved = false;
  for (auto& [transport, line] : lines) moved |= line.carrier->receive(line);
  if (error) return fail(*error);
  for (Peer* peer : std::exchange(to_reconnect, {})) peer->carrier.reconnect(peer->machine);
  auto pumped = pump_outlets();
  if (!pumped) return pumped;
  moved |= *pumped;
  moved |= report_inlets();
  if (settling) settle_down();
  moved |= flush_peers();
  look_for_silence();
  return moved;
}

/// Channels take turns: whoever sent a fragment of a large message goes last in the next round.
Result<bool> MachineLink::State::pump_outlets() {
  bool moved = false;
  const auto first = turn;
  for (std::size_t i = 0; i < outlets.size(); ++i) {
    const auto at = (first + i) % outlets.size();
    auto& [outlet, peer] = outlets[at];
    if (peer->bye_said || peer->lost) continue;
    const auto bulk = peer->session.bulk_under_way();
    auto pumped = outlet->pump(peer->session);
    if (!pumped) return pumped;
    moved |= *pumped;
    if (peer->session.bulk_under_way() != bulk) turn = at + 1;
  }
  return moved;
}

bool MachineLink::State::report_inlets() {
  bool moved = false;
  for (auto& [inlet, peer] : inlets) {
    if (!peer->bye_said && !peer->lost) moved |= inlet->report(peer->session);
  }
  return moved;
}

bool MachineLink::State::flush_peers() {
  bool moved = false;
  const auto now = now_ns();
  for (auto& [key, peer] : peers) moved |= !peer.lost && peer.session.flush(now);
  return moved;
}

void MachineLink::State::look_for_silence() {
  const auto now = now_ns();
  for (auto& [key, peer] : peers) {
    if (peer.lost || peer.bye_heard) continue;
    if (peer.session.suspects(now)) peer.carrier.reconnect(peer.machine);
    if (!connected_told || !peer.session.expired(now)) continue;
    peer.lost = true;
    end_streams(peer);
    listener.failed(Error{
        ErrorCode::kTransport,
        text("machine ", peer.machine, " has not been heard for ",
             mvm::to_string(Duration(plan.reconnect)),
             ": it hangs, or the network to it is broken; queues to and from it have ended")});
  }
}

/// Nothing more will pass between this machine and the peer.
void MachineLink::State::end_streams(Peer& peer) {
  for (auto& [inlet, from] : inlets) {
    if (from == &peer) inlet->on_end();
  }
  for (auto& [outlet, to] : outlets) {
    if (to == &peer && outlet->on_gone()) ends.receiver_gone(outlet->channel());
  }
}

void MachineLink::State::say_bye(Peer& peer) {
  if (std::exchange(peer.bye_said, true)) return;
  peer.session.add({.kind = LinkKind::kBye});
  peer.session.hurry();
}

/// Says bye to each machine that everything has been told to, and sees whether all have said it.
void MachineLink::State::settle_down() {
  for (auto& [key, peer] : peers) {
    const bool told = std::none_of(inlets.begin(), inlets.end(), [&](const InletOfPeer& entry) {
      return entry.peer == &peer && entry.inlet->has_news();
    });
    if (told) say_bye(peer);
  }
  const bool all = std::all_of(peers.begin(), peers.end(),
                               [this](const auto& entry) { return is_at_rest(entry.second); });
  if (!all) return;
  const std::scoped_lock lock(settled_mutex);
  settled = true;
  settled_changed.notify_all();
}

bool MachineLink::State::is_at_rest(const Peer& peer) const {
  return peer.lost || (peer.bye_said && peer.bye_heard && peer.session.all_acknowledged());
}

bool MachineLink::settle(std::chrono::milliseconds patience) {
  state_->settling = true;
  ring_slowly(state_->bell);
  std::unique_lock lock(state_->settled_mutex);
  return state_->settled_changed.wait_for(lock, patience, [this] { return state_->settled; });
}

bool MachineLink::State::has_work() {
  for (const auto& [transport, line] : lines) {
    if (line.carrier->has_news()) return true;
  }
  for (auto& [outlet, peer] : outlets) {
    if (!peer->bye_said && !peer->lost && outlet->has_work(peer->session)) return true;
  }
  for (auto& [inlet, peer] : inlets) {
    if (!peer->bye_said && !peer->lost && inlet->has_news() && peer->session.has_room()) {
      return true;
    }
  }
  if (!settling) return false;
  return std::any_of(peers.begin(), peers.end(),
                     [](const auto& entry) { return !entry.second.bye_said; });
}

std::int64_t MachineLink::State::next_due_ns() const {
  auto due_ns = kNoDeadline;
  for (const auto& [key, peer] : peers) {
    if (peer.lost) continue;
    due_ns = std::min(due_ns, peer.session.due_ns());
    if (!peer.bye_heard) due_ns = std::min(due_ns, peer.session.expires_ns());
  }
  return due_ns;
}

void MachineLink::State::on_connected(Transport transport, std::uint32_t machine) {
  const auto found = peers.find({transport, machine});
  if (found == peers.end()) return;
  Peer& peer = found->second;
  if (peer.session.heard()) peer.counters.reconnects.fetch_add(1, std::memory_order_relaxed);
  peer.session.on_connected();
}

void MachineLink::State::on_parcel(Transport transport, std::uint32_t machine,
                                   std::string_view head, std::string_view tail) {
  const auto found = peers.find({transport, machine});
  if (found == peers.end() || error) return;
  Peer& peer = found->second;
  const auto refused = peer.counters.parcels_refused.load(std::memory_order_relaxed);
  auto frames = peer.session.receive(now_ns(), head, tail);
  // What was damaged on its way comes again, over a connection that may be better.
  if (peer.counters.parcels_refused.load(std::memory_order_relaxed) != refused) {
    to_reconnect.insert(&peer);
  }
  if (!frames || peer.lost) return;
  if (auto done = on_frames(peer, *frames); !done) error = done.error();
}

/// Whatever is wrong with a sound parcel is the peer's own doing.
Result<void> MachineLink::State::on_frames(Peer& peer, FrameReader& frames) {
  const auto name = [&](const Error& what) -> std::unexpected<Error> {
    if (what.code != ErrorCode::kProtocol) return fail(what);
    return fail(ErrorCode::kProtocol, "machine ", peer.machine,
                " broke the link protocol: ", what.message);
  };
  for (LinkFrame frame;;) {
    switch (frames.next(frame)) {
      case FrameReader::Read::kEnd:
        return {};
      case FrameReader::Read::kBroken:
        return name({ErrorCode::kProtocol, "a frame that makes no sense"});
      case FrameReader::Read::kFrame:
        break;
    }
    if (auto done = on_frame(peer, frame); !done) return name(done.error());
  }
}

Result<void> MachineLink::State::on_frame(Peer& peer, const LinkFrame& frame) {
  if (peer.bye_heard) return breach("words after its farewell");
  switch (frame.kind) {
    case LinkKind::kPiece:
    case LinkKind::kMessage:
    case LinkKind::kMore:
    case LinkKind::kDrop:
    case LinkKind::kEnd:
      return on_data(peer, frame);
    case LinkKind::kReleased:
    case LinkKind::kDone:
    case LinkKind::kGone:
      return on_news(peer, frame);
    case LinkKind::kBye:
      peer.bye_heard = true;
      end_streams(peer);
      return {};
  }
  return breach("a frame of an unknown kind");
}

Result<void> MachineLink::State::on_data(Peer& peer, const LinkFrame& frame) {
  InletOfPeer* from = find_inlet(peer, frame.channel);
  if (from == nullptr) return breach("data for a channel that does not come from there");
  if (frame.kind != LinkKind::kEnd) return from->inlet->on_data(frame, peer.session);
  from->inlet->on_end();
  return {};
}

Result<void> MachineLink::State::on_news(Peer& peer, const LinkFrame& frame) {
  OutletOfPeer* to = find_outlet(peer, frame.channel);
  if (to == nullptr) return breach("news of a channel that does not lead there");
  if (frame.kind != LinkKind::kGone) return to->outlet->on_news(frame);
  if (to->outlet->on_gone()) ends.receiver_gone(to->outlet->channel());
  return {};
}

OutletOfPeer* MachineLink::State::find_outlet(const Peer& peer, std::uint64_t channel) {
  const auto found = outlets_of.find(channel);
  if (found == outlets_of.end()) return nullptr;
  for (const auto i : found->second) {
    if (outlets[i].peer == &peer) return &outlets[i];
  }
  return nullptr;
}

InletOfPeer* MachineLink::State::find_inlet(const Peer& peer, std::uint64_t channel) {
  const auto found = inlet_of.find(channel);
  if (found == inlet_of.end() || inlets[found->second].peer != &peer) return nullptr;
  return &inlets[found->second];
}

LinkFigures MachineLink::figures() const {
  LinkFigures figures;
  const auto load = [](const std::atomic<std::uint64_t>& number) {
    return number.load(std::memory_order_acquire);
  };
  for (const auto& [inlet, peer] : state_->inlets) {
    figures.channels.push_back({inlet->id(), peer->machine, false, load(inlet->count().passed),
                                load(inlet->count().done)});
  }
  for (const auto& [outlet, peer] : state_->outlets) {
    figures.channels.push_back({outlet->id(), peer->machine, true, load(outlet->count().passed),
                                load(outlet->count().done)});
  }
  for (const auto& [key, peer] : state_->peers) {
    const auto& counters = peer.counters;
    figures.peers.push_back({peer.machine, peer.transport, load(counters.bytes_sent),
                             load(counters.bytes_received), load(counters.parcels_sent),
                             load(counters.parcels_received), load(counters.parcels_resent),
                             load(counters.parcels_refused), load(counters.reconnects)});
  }
  for (const auto& [transport, line] : state_->lines) {
    figures.connections_refused += line.carrier->refused();
  }
  return figures;
}

}  // namespace mvm::queue
