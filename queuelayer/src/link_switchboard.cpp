// SPDX-License-Identifier: Apache-2.0
#include "link_switchboard.hpp"

#include <algorithm>
#include <map>

namespace mvm::queue {
namespace {

/// What receivers have done is told after this time, when nothing else goes to that machine before.
/// A large message may have to wait until its queue is empty, so it is short.
constexpr std::int64_t kReportDelayNs = 50'000;

}  // namespace

LinkSwitchboard::LinkSwitchboard(const WiringPlan& plan, const Arena& arena, LinkPeers& peers,
                                 ChannelEnds& ends, std::map<std::uint32_t, UniqueFd> tasks)
    : machine_(plan.machine),
      arena_(arena),
      lines_(choose_lines(plan, arena)),
      tasks_(std::move(tasks)),
      peers_(peers),
      ends_(ends),
      heap_(arena, arena.endpoint(arena.header().link)) {
  for (std::uint32_t i = 0; i < plan.channels.size(); ++i) {
    const auto& spec = plan.channels[i];
    if (spec.sender_machine == machine_) {
      add_outlets(arena, spec, i);
    } else {
      add_inlet(arena, spec, i);
    }
  }
}

void LinkSwitchboard::add_inlet(const Arena& arena, const ChannelSpec& spec,
                                std::uint32_t channel) {
  const bool ring = arena.channel(channel).kind == ChannelKind::kRing;
  inlet_of_[spec.id] = inlets_.size();
  inlets_.push_back(
      {ring ? make_ring_inlet(arena, channel, heap_) : make_shelf_inlet(arena, channel, heap_),
       &peers_.at(spec.queue.transport, spec.sender_machine)});
  report_by_ns_.push_back(kNever);
}

void LinkSwitchboard::add_outlets(const Arena& arena, const ChannelSpec& spec,
                                  std::uint32_t channel) {
  const bool ring = arena.channel(channel).kind == ChannelKind::kRing;
  std::map<std::uint32_t, std::uint64_t> receivers;  // of each other machine
  for (const auto machine : spec.receiver_machines) {
    if (machine != machine_) ++receivers[machine];
  }
  for (const auto& [machine, count] : receivers) {
    // Where receivers compete, a machine is given no more than its receivers can take at once.
    LinkCredit credit{.messages = spec.queue.capacity,
                      .competing = spec.receivers.size() > 1,
                      .outlets = receivers.size()};
    if (credit.competing) credit.messages = std::min<std::uint64_t>(count, credit.messages);
    outlets_of_[spec.id].push_back(outlets_.size());
    outlets_.push_back({ring ? make_ring_outlet(arena, channel, credit)
                             : make_shelf_outlet(arena, channel, credit),
                        &peers_.at(spec.queue.transport, machine)});
  }
}

void LinkSwitchboard::ask_for_lines() {
  for (const auto& line : lines_) {
    if (line.machine > machine_ || !tasks_.contains(line.task)) continue;
    peers_.at(Transport::kTcp, line.machine).carrier.ask_for_line(line.machine, line.name);
  }
}

void LinkSwitchboard::cut_lines(const LinkPeer& peer) {
  for (auto& [inlet, from] : inlets_) {
    if (from == &peer) inlet->cut_line();
  }
  for (auto& [outlet, to] : outlets_) {
    if (to == &peer) outlet->cut_line();
  }
}

const LineChoice* LinkSwitchboard::find_line(const LinkPeer& peer, std::uint64_t name) const {
  const auto found = std::ranges::find_if(lines_, [&](const LineChoice& line) {
    return line.name == name && line.machine == peer.machine;
  });
  return found != lines_.end() && tasks_.contains(found->task) ? &*found : nullptr;
}

LinkInlet* LinkSwitchboard::inlet_of(const LineChoice& line) {
  if (!line.channels.in) return nullptr;
  return inlets_[inlet_of_.at(arena_.channel(*line.channels.in).id)].end.get();
}

LinkOutlet* LinkSwitchboard::outlet_of(const LineChoice& line) {
  if (!line.channels.out) return nullptr;
  return outlets_[outlets_of_.at(arena_.channel(*line.channels.out).id).front()].end.get();
}

bool LinkSwitchboard::wants_line(const LinkPeer& peer, std::uint64_t name) {
  const LineChoice* line = find_line(peer, name);
  const auto has_none = [this](std::optional<std::uint32_t> channel) {
    return !channel ||
           arena_.channel(*channel).line.load(std::memory_order_acquire) == LineState::kNone;
  };
  return line != nullptr && has_none(line->channels.in) && has_none(line->channels.out);
}

/// The task finds the line when it begins, before it sends or receives anything.
void LinkSwitchboard::on_line(const LinkPeer& peer, std::uint64_t name, UniqueFd socket) {
  const LineChoice* line = find_line(peer, name);
  if (line == nullptr) return;
  auto* inlet = inlet_of(*line);
  auto* outlet = outlet_of(*line);
  if (!hand_line(tasks_.at(line->task).get(), line->channels, socket.get())) {
    return on_no_line(peer, name);
  }
  const auto shared = std::make_shared<UniqueFd>(std::move(socket));
  for (const auto channel : {line->channels.in, line->channels.out}) {
    if (!channel) continue;
    arena_.channel(*channel).line.store(LineState::kOpen, std::memory_order_release);
  }
  if (inlet != nullptr) inlet->on_line(shared);
  if (outlet != nullptr) outlet->on_line(shared);
}

void LinkSwitchboard::on_no_line(const LinkPeer& peer, std::uint64_t name) {
  const LineChoice* line = find_line(peer, name);
  if (auto* inlet = line != nullptr ? inlet_of(*line) : nullptr) inlet->on_no_line();
}

/// Channels take turns: whoever sent a fragment of a large message goes last in the next round.
Result<bool> LinkSwitchboard::pump() {
  bool moved = false;
  const auto first = turn_;
  for (std::size_t i = 0; i < outlets_.size(); ++i) {
    const auto at = (first + i) % outlets_.size();
    auto& [outlet, peer] = outlets_[at];
    if (!peer->talks()) continue;
    const auto bulk = peer->session.bulk_under_way();
    auto pumped = outlet->pump(peer->session);
    if (!pumped) return pumped;
    moved |= *pumped;
    if (peer->session.bulk_under_way() != bulk) turn_ = at + 1;
  }
  return moved;
}

bool LinkSwitchboard::report(std::int64_t now_ns) {
  bool moved = false;
  for (std::size_t i = 0; i < inlets_.size(); ++i) {
    auto& [inlet, peer] = inlets_[i];
    auto& by_ns = report_by_ns_[i];
    if (!peer->talks() || !inlet->has_news()) continue;
    if (by_ns == kNever && now_ns != kNever) by_ns = now_ns + kReportDelayNs;
    if (now_ns < by_ns && !inlet->is_awaited() && !peer->session.has_frames()) continue;
    moved |= inlet->report(peer->session);
    if (!inlet->has_news()) by_ns = kNever;
  }
  return moved;
}

std::int64_t LinkSwitchboard::next_due_ns() const {
  auto due_ns = kNever;
  for (std::size_t i = 0; i < inlets_.size(); ++i) {
    const LinkPeer& peer = *inlets_[i].peer;
    if (peer.talks() && peer.session.has_room()) due_ns = std::min(due_ns, report_by_ns_[i]);
  }
  return due_ns;
}

bool LinkSwitchboard::has_work() {
  for (auto& [outlet, peer] : outlets_) {
    if (peer->talks() && outlet->has_work(peer->session)) return true;
  }
  for (std::size_t i = 0; i < inlets_.size(); ++i) {
    auto& [inlet, peer] = inlets_[i];
    if (!peer->talks() || !inlet->has_news() || !peer->session.has_room()) continue;
    if (report_by_ns_[i] == kNever || inlet->is_awaited()) return true;
  }
  return false;
}

bool LinkSwitchboard::all_told(const LinkPeer& peer) {
  return std::ranges::none_of(
      inlets_, [&](const auto& line) { return line.peer == &peer && line.end->has_news(); });
}

/// Whatever is wrong with a sound parcel is the peer's own doing.
Result<void> LinkSwitchboard::on_frames(LinkPeer& peer, FrameReader& frames) {
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

Result<void> LinkSwitchboard::on_frame(LinkPeer& peer, const LinkFrame& frame) {
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
    case LinkKind::kLineEnd:
      return on_news(peer, frame);
    case LinkKind::kBye:
      peer.bye_heard = true;
      end_streams(peer);
      return {};
  }
  return breach("a frame of an unknown kind");
}

Result<void> LinkSwitchboard::on_data(const LinkPeer& peer, const LinkFrame& frame) {
  LinkInlet* inlet = find_inlet(peer, frame.channel);
  if (inlet == nullptr) return breach("data for a channel that does not come from there");
  if (frame.kind != LinkKind::kEnd) return inlet->on_data(frame, peer.session);
  inlet->on_end();
  return {};
}

Result<void> LinkSwitchboard::on_news(const LinkPeer& peer, const LinkFrame& frame) {
  LinkOutlet* outlet = find_outlet(peer, frame.channel);
  if (outlet == nullptr) return breach("news of a channel that does not lead there");
  if (frame.kind != LinkKind::kGone) return outlet->on_news(frame);
  receivers_gone(*outlet);
  return {};
}

void LinkSwitchboard::end_streams(const LinkPeer& peer) {
  for (auto& [inlet, from] : inlets_) {
    if (from == &peer) inlet->on_end();
  }
  for (auto& [outlet, to] : outlets_) {
    if (to == &peer) receivers_gone(*outlet);
  }
}

void LinkSwitchboard::receivers_gone(LinkOutlet& outlet) {
  if (outlet.on_gone()) ends_.receiver_gone(outlet.channel());
}

LinkInlet* LinkSwitchboard::find_inlet(const LinkPeer& peer, std::uint64_t channel) {
  const auto found = inlet_of_.find(channel);
  if (found == inlet_of_.end()) return nullptr;
  auto& [inlet, from] = inlets_[found->second];
  return from == &peer ? inlet.get() : nullptr;
}

LinkOutlet* LinkSwitchboard::find_outlet(const LinkPeer& peer, std::uint64_t channel) {
  const auto found = outlets_of_.find(channel);
  if (found == outlets_of_.end()) return nullptr;
  for (const auto i : found->second) {
    if (outlets_[i].peer == &peer) return outlets_[i].end.get();
  }
  return nullptr;
}

std::vector<LinkFigures::Channel> LinkSwitchboard::figures() const {
  std::vector<LinkFigures::Channel> figures;
  const auto add = [&](const auto& end, const LinkPeer& peer, bool leaves) {
    const auto tally = end.tally();
    figures.push_back({end.id(), peer.machine, leaves, tally.passed, tally.done});
  };
  for (const auto& [inlet, peer] : inlets_) add(*inlet, *peer, false);
  for (const auto& [outlet, peer] : outlets_) add(*outlet, *peer, true);
  return figures;
}

}  // namespace mvm::queue
