// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/machine_link.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/queue_reader.hpp>
#include <mvm/queuelayer/queue_writer.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/waiter.hpp>

#include "link_sockets.hpp"

namespace mvm::queue {
namespace {

/// The longest payload of one frame: a large message goes in many, between those of other channels.
constexpr std::uint64_t kFramePayload = 64 << 10;
/// Payload bytes under way to one machine that it has not taken in yet.
constexpr std::uint64_t kWindowBytes = 8 << 20;
/// The other side hears about what was taken in each time this much was.
constexpr std::uint64_t kWindowStep = kWindowBytes / 4;

/// A message that another machine has, or has a part of, and that is kept until it is released
/// there.
struct Kept {
  std::vector<std::uint64_t> fragments;
  bool whole = false;
};

/// A channel whose messages leave for one other machine.
struct Outlet {
  std::uint32_t channel;  ///< position in the plan
  std::uint64_t id;
  std::uint32_t machine;  ///< where to
  std::uint64_t window;   ///< messages that may be there unreleased
  std::unique_ptr<QueueReader> reader;
  std::deque<Kept> kept;
  std::uint64_t acknowledged = 0;
  Piece piece;  ///< the fragment that is being sent
  std::uint64_t piece_sent = 0;
  bool in_piece = false;
  bool end_sent = false;
  bool gone = false;  ///< the receivers there are gone
};

/// A channel whose messages arrive from another machine.
struct Inlet {
  std::uint32_t channel;
  std::uint64_t id;
  std::uint32_t machine;  ///< where from
  std::unique_ptr<QueueWriter> writer;
  std::uint64_t left = 0;          ///< bytes to come of a message that has begun
  std::byte* memory = nullptr;     ///< where it grows, for receivers that compete
  std::uint64_t length = 0;        ///< of it
  std::uint64_t done = 0;          ///< messages, of a shelf
  std::uint64_t acknowledged = 0;  ///< messages
  bool gone_sent = false;
};

/// Messages of a channel that its receivers here have released.
std::uint64_t released_by(Inlet& inlet) {
  if (auto* ring = inlet.writer->ring()) return ring->released_messages();
  inlet.done += inlet.writer->shelf()->take_done().size();
  return inlet.done;
}

/// Bytes to and from one other machine.
struct Peer {
  bool heard = false;
  std::uint64_t sent = 0;
  std::uint64_t sent_taken = 0;  ///< of `sent`, what it took in
  std::uint64_t received = 0;
  std::uint64_t received_told = 0;
};

}  // namespace

struct MachineLink::State {
  State(const WiringPlan& the_plan, const Arena& the_arena, ChannelEnds& the_ends)
      : plan(the_plan),
        arena(the_arena),
        ends(the_ends),
        self(the_arena.endpoint_count() - 1),
        heap(the_arena.endpoint(self).heap, the_arena.endpoint(self).heap_size),
        peers(the_plan.machines.size()) {}

  const WiringPlan& plan;
  const Arena& arena;
  ChannelEnds& ends;
  std::uint32_t self;  ///< the link's endpoint
  SenderHeap heap;
  std::vector<Outlet> outlets;
  std::vector<Inlet> inlets;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> outlets_of;  ///< by channel id
  std::unordered_map<std::uint64_t, std::size_t> inlet_of;
  std::vector<Peer> peers;
  std::unique_ptr<LinkSockets> sockets;
  Listener listener;
  std::atomic<bool> ending{false};
  std::thread thread;

  void open_channels();
  [[nodiscard]] Result<void> greet(std::chrono::milliseconds patience);
  void work(std::chrono::milliseconds patience);
  [[nodiscard]] Result<void> relay();
  [[nodiscard]] Result<bool> take_arrivals();
  [[nodiscard]] Result<void> on_arrival(const Arrival& arrival);
  [[nodiscard]] Result<void> on_data(const Arrival& arrival);
  [[nodiscard]] Result<void> on_first_data(Inlet& inlet, const Arrival& arrival);
  [[nodiscard]] Result<void> on_more_data(Inlet& inlet, const Arrival& arrival);
  [[nodiscard]] Result<void> on_end(const LinkFrame& frame);
  [[nodiscard]] Result<void> on_ack(const LinkFrame& frame);
  [[nodiscard]] Result<void> on_gone(const LinkFrame& frame);
  [[nodiscard]] Outlet* find_outlet(const LinkFrame& frame);
  static void release_oldest(Outlet& outlet);
  [[nodiscard]] Result<bool> pump(Outlet& outlet);
  [[nodiscard]] bool can_take(Outlet& outlet) const;
  void send_frame_of(Outlet& outlet);
  bool acknowledge(Inlet& inlet);
  [[nodiscard]] bool has_work();
  [[nodiscard]] LinkFrame frame(LinkKind kind, std::uint64_t channel = 0,
                                std::uint64_t number = 0) const {
    return {kind, plan.machine, channel, number, 0};
  }
  [[nodiscard]] std::unexpected<Error> broken(std::uint32_t machine, std::string_view what) const {
    return fail(ErrorCode::kProtocol, "machine ", machine, " broke the link protocol: ", what);
  }
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
  state->open_channels();
  auto sockets =
      LinkSockets::open(plan, [endpoint = &arena.endpoint(state->self)] { ring(*endpoint); });
  if (!sockets) return fail(sockets.error());
  state->sockets = std::move(*sockets);
  state->thread = std::thread([s = state.get(), patience] { s->work(patience); });
  return std::unique_ptr<MachineLink>(new MachineLink(std::move(state)));
}

MachineLink::~MachineLink() {
  state_->ending = true;
  ring_slowly(state_->arena.endpoint(state_->self));
  if (state_->thread.joinable()) state_->thread.join();
}

void MachineLink::State::open_channels() {
  for (std::uint32_t i = 0; i < plan.channels.size(); ++i) {
    const auto& spec = plan.channels[i];
    if (spec.sender_machine != plan.machine) {
      inlet_of[spec.id] = inlets.size();
      inlets.push_back({.channel = i,
                        .id = spec.id,
                        .machine = spec.sender_machine,
                        .writer = std::make_unique<QueueWriter>(arena, i, heap)});
      inlets.back().writer->expect_room(true);  // every release is to be acknowledged
      continue;
    }
    std::map<std::uint32_t, std::uint64_t> receivers;  // on each other machine
    for (const auto machine : spec.receiver_machines) {
      if (machine != plan.machine) ++receivers[machine];
    }
    for (const auto& [machine, count] : receivers) {
      outlets_of[spec.id].push_back(outlets.size());
      // Where receivers compete, a machine is given no more than its receivers can take at once.
      const bool compete = spec.receivers.size() > 1;
      outlets.push_back({.channel = i,
                         .id = spec.id,
                         .machine = machine,
                         .window = compete ? std::min<std::uint64_t>(count, spec.queue.capacity)
                                           : spec.queue.capacity,
                         .reader = std::make_unique<QueueReader>(arena, i, self, true)});
    }
  }
}

/// Says hello to every machine that shares a channel, and waits to hear from each.
Result<void> MachineLink::State::greet(std::chrono::milliseconds patience) {
  std::set<std::uint32_t> partners;
  for (const auto& outlet : outlets) partners.insert(outlet.machine);
  for (const auto& inlet : inlets) partners.insert(inlet.machine);
  for (const auto machine : partners) sockets->send(machine, frame(LinkKind::kHello));
  const auto all_heard = [&] {
    return std::all_of(partners.begin(), partners.end(),
                       [&](std::uint32_t machine) { return peers[machine].heard; });
  };
  const auto& clock = arena.header().clock;
  const auto deadline =
      group_now_ns(clock) + std::chrono::duration_cast<std::chrono::nanoseconds>(patience).count();
  Waiter waiter(arena.endpoint(self), clock);
  while (!ending && !all_heard()) {
    if (!waiter.wait([&] { return ending || sockets->has_arrivals(); }, deadline)) {
      return fail(ErrorCode::kTimedOut, "not every machine of the group answered within ",
                  mvm::to_string(Duration(patience)), "; can they reach each other's addresses?");
    }
    if (auto taken = take_arrivals(); !taken) return fail(taken.error());
  }
  return {};
}

void MachineLink::State::work(std::chrono::milliseconds patience) {
  auto done = greet(patience);
  if (done && !ending) {
    // Everybody has found this machine's socket: its name has served its purpose.
    sockets->forget_name();
    listener.connected();
    done = relay();
  }
  if (!done) listener.failed(done.error());
}

Result<void> MachineLink::State::relay() {
  Waiter waiter(arena.endpoint(self), arena.header().clock);
  while (!ending) {
    auto moved = take_arrivals();
    if (!moved) return fail(moved.error());
    for (auto& outlet : outlets) {
      auto pumped = pump(outlet);
      if (!pumped) return fail(pumped.error());
      *moved |= *pumped;
    }
    for (auto& inlet : inlets) *moved |= acknowledge(inlet);
    if (!*moved) waiter.wait([this] { return ending || has_work(); }, kNoDeadline);
  }
  return {};
}

bool MachineLink::State::has_work() {
  if (sockets->has_arrivals()) return true;
  for (auto& outlet : outlets) {
    if (outlet.gone) continue;
    if (can_take(outlet) && (outlet.in_piece || outlet.reader->available())) return true;
    if (!outlet.end_sent && !outlet.in_piece && outlet.reader->ended()) return true;
  }
  return std::any_of(inlets.begin(), inlets.end(), [](Inlet& inlet) {
    return released_by(inlet) != inlet.acknowledged ||
           (!inlet.gone_sent && inlet.writer->receiver_closed());
  });
}

bool MachineLink::State::can_take(Outlet& outlet) const {
  const Peer& peer = peers[outlet.machine];
  if (peer.sent - peer.sent_taken >= kWindowBytes) return false;
  const bool between_messages =
      !outlet.in_piece && (outlet.kept.empty() || outlet.kept.back().whole);
  return !between_messages || outlet.kept.size() < outlet.window;
}

/// Moves one frame of a channel, so that channels take turns. True when something moved.
Result<bool> MachineLink::State::pump(Outlet& outlet) {
  if (outlet.gone || !can_take(outlet)) return false;
  if (!outlet.in_piece) {
    switch (outlet.reader->take(outlet.piece)) {
      case Taken::kCorrupt:
        return fail(ErrorCode::kArena, "the queue from ", plan.channels[outlet.channel].sender_port,
                    " was overwritten by some task of this group");
      case Taken::kNothing:
        if (outlet.end_sent || !outlet.reader->ended()) return false;
        outlet.end_sent = true;
        sockets->send(outlet.machine, frame(LinkKind::kEnd, outlet.id));
        return true;
      case Taken::kPiece:
        break;
    }
    if (outlet.kept.empty() || outlet.kept.back().whole) outlet.kept.emplace_back();
    outlet.kept.back().fragments.push_back(outlet.reader->cookie_of(outlet.piece));
    outlet.in_piece = true;
    outlet.piece_sent = 0;
  }
  send_frame_of(outlet);
  return true;
}

void MachineLink::State::send_frame_of(Outlet& outlet) {
  const Piece& piece = outlet.piece;
  const auto length = std::min(kFramePayload, piece.length - outlet.piece_sent);
  const bool end_of_piece = outlet.piece_sent + length == piece.length;
  const bool more = piece.more || !end_of_piece;
  auto data = frame(LinkKind::kData, outlet.id, piece.message_length);
  data.slot_kind = piece.type | (more ? kMoreFollows : 0);
  sockets->send(outlet.machine, data,
                {reinterpret_cast<const char*>(piece.data) + outlet.piece_sent, length});
  outlet.piece_sent += length;
  peers[outlet.machine].sent += length;
  if (end_of_piece) {
    outlet.in_piece = false;
    outlet.kept.back().whole = !piece.more;
  }
}

/// Reports what the receivers of a channel have released, and whether they are gone.
bool MachineLink::State::acknowledge(Inlet& inlet) {
  bool moved = false;
  if (const auto released = released_by(inlet); released != inlet.acknowledged) {
    inlet.acknowledged = released;
    sockets->send(inlet.machine, frame(LinkKind::kAck, inlet.id, released));
    moved = true;
  }
  if (!inlet.gone_sent && inlet.writer->receiver_closed()) {
    inlet.gone_sent = true;
    sockets->send(inlet.machine, frame(LinkKind::kGone, inlet.id));
    moved = true;
  }
  return moved;
}

Result<bool> MachineLink::State::take_arrivals() {
  if (sockets->broken()) {
    return fail(ErrorCode::kProtocol, "a peer sent a frame that is none of the link protocol");
  }
  const auto arrivals = sockets->take();
  for (const auto& arrival : arrivals) {
    if (auto handled = on_arrival(arrival); !handled) return fail(handled.error());
  }
  return !arrivals.empty();
}

Result<void> MachineLink::State::on_arrival(const Arrival& arrival) {
  const LinkFrame& head = arrival.frame;
  if (head.machine >= peers.size() || head.machine == plan.machine) {
    return broken(head.machine, "it has no such number in this group");
  }
  Peer& peer = peers[head.machine];
  if (!peer.heard && head.kind != LinkKind::kHello) return broken(head.machine, "no hello");
  switch (head.kind) {
    case LinkKind::kHello:
      peer.heard = true;
      break;
    case LinkKind::kData:
      return on_data(arrival);
    case LinkKind::kAck:
      return on_ack(head);
    case LinkKind::kEnd:
      return on_end(head);
    case LinkKind::kGone:
      return on_gone(head);
    case LinkKind::kWindow:
      if (head.number > peer.sent) return broken(head.machine, "it took in more than was sent");
      peer.sent_taken = head.number;
      break;
  }
  return {};
}

Result<void> MachineLink::State::on_data(const Arrival& arrival) {
  const LinkFrame& head = arrival.frame;
  const auto found = inlet_of.find(head.channel);
  if (found == inlet_of.end() || inlets[found->second].machine != head.machine) {
    return broken(head.machine, "data for a channel that does not come from there");
  }
  Inlet& inlet = inlets[found->second];
  if (inlet.left == 0) {
    if (auto begun = on_first_data(inlet, arrival); !begun) return begun;
  }
  if (inlet.left > 0) {
    if (auto appended = on_more_data(inlet, arrival); !appended) return appended;
  }
  const auto length = arrival.payload.size();
  Peer& peer = peers[head.machine];
  peer.received += length;
  if (peer.received - peer.received_told >= kWindowStep) {
    peer.received_told = peer.received;
    sockets->send(head.machine, frame(LinkKind::kWindow, 0, peer.received));
  }
  return {};
}

/// Writes a message that came in one frame, or begins one: then `left` says how much is to come.
Result<void> MachineLink::State::on_first_data(Inlet& inlet, const Arrival& arrival) {
  const LinkFrame& head = arrival.frame;
  const auto type = head.slot_kind & kTypeMask;
  const auto no_room = [] { return fail(ErrorCode::kArena, "no room for a message that arrived"); };
  if (head.number > kMaxMessage.count) return broken(head.machine, "a message over the limit");
  if (!inlet.writer->ready(head.number)) return broken(head.machine, "more than was agreed");
  if ((head.slot_kind & kMoreFollows) == 0) {
    const auto& payload = arrival.payload;
    if (payload.size() != head.number) return broken(head.machine, "a length that is not true");
    const auto sent = inlet.writer->send(payload.data(), payload.size(), type, {});
    if (sent != Sent::kDone) return no_room();
    return {};
  }
  if (head.number == 0) return broken(head.machine, "fragments that do not add up");
  // Where receivers compete a message is one fragment, so it must be whole before it is published.
  if (inlet.writer->ring() == nullptr) {
    inlet.memory = inlet.writer->reserve(head.number);
    if (inlet.memory == nullptr) return no_room();
  } else if (!inlet.writer->ring()->begin(head.number, type)) {
    return no_room();
  }
  inlet.left = inlet.length = head.number;
  return {};
}

Result<void> MachineLink::State::on_more_data(Inlet& inlet, const Arrival& arrival) {
  const LinkFrame& head = arrival.frame;
  const auto& payload = arrival.payload;
  const bool more = (head.slot_kind & kMoreFollows) != 0;
  if (payload.size() > inlet.left || more != (payload.size() < inlet.left)) {
    return broken(head.machine, "fragments that do not add up");
  }
  if (inlet.memory == nullptr) {
    inlet.writer->ring()->append(payload.data(), payload.size());
  } else {
    std::memcpy(inlet.memory + (inlet.length - inlet.left), payload.data(), payload.size());
    if (!more) {
      const auto sent = inlet.writer->send_reserved(std::exchange(inlet.memory, nullptr),
                                                    inlet.length, head.slot_kind & kTypeMask, {});
      if (sent != Sent::kDone) return broken(head.machine, "more than was agreed");
    }
  }
  inlet.left -= payload.size();
  return {};
}

Result<void> MachineLink::State::on_end(const LinkFrame& head) {
  const auto found = inlet_of.find(head.channel);
  if (found == inlet_of.end() || inlets[found->second].machine != head.machine) {
    return broken(head.machine, "the end of an unknown channel");
  }
  Inlet& inlet = inlets[found->second];
  if (inlet.memory != nullptr) {
    inlet.writer->cancel(std::exchange(inlet.memory, nullptr), inlet.length);
  }
  inlet.writer->close();
  return {};
}

/// The outlet that a peer speaks of; null when it is none to there.
Outlet* MachineLink::State::find_outlet(const LinkFrame& head) {
  const auto found = outlets_of.find(head.channel);
  if (found == outlets_of.end()) return nullptr;
  for (const auto i : found->second) {
    if (outlets[i].machine == head.machine) return &outlets[i];
  }
  return nullptr;
}

/// Gives the oldest message that is kept back to its sender.
void MachineLink::State::release_oldest(Outlet& outlet) {
  const auto& fragments = outlet.kept.front().fragments;
  for (const auto number : fragments) {
    outlet.reader->give_back(number, number != fragments.back());
  }
  outlet.kept.pop_front();
}

Result<void> MachineLink::State::on_ack(const LinkFrame& head) {
  Outlet* outlet = find_outlet(head);
  if (outlet == nullptr) {
    return broken(head.machine, "news of a channel that does not lead there");
  }
  if (outlet->gone) return {};
  while (outlet->acknowledged < head.number) {
    if (outlet->kept.empty() || !outlet->kept.front().whole) {
      return broken(head.machine, "it released more than was sent");
    }
    release_oldest(*outlet);
    ++outlet->acknowledged;
  }
  return {};
}

Result<void> MachineLink::State::on_gone(const LinkFrame& head) {
  Outlet* outlet = find_outlet(head);
  if (outlet == nullptr) {
    return broken(head.machine, "news of a channel that does not lead there");
  }
  if (std::exchange(outlet->gone, true)) return {};
  ends.receiver_gone(outlet->channel);
  // What lies there unread is lost with its receivers. Where others go on receiving it must not
  // stand in the sender's way.
  if (outlet->reader->channel().receivers.count > 1) {
    while (!outlet->kept.empty()) release_oldest(*outlet);
  }
  return {};
}

}  // namespace mvm::queue
