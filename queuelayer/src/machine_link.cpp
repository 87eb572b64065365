// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/machine_link.hpp>

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/waiter.hpp>

#include "link_peers.hpp"
#include "link_switchboard.hpp"

namespace mvm::queue {
namespace {

/// The link's thread looks about for so long before it sleeps: some times what a message takes to
/// and fro. A time, because others may have the core for long when it is handed over.
constexpr std::int64_t kAwakeNs = 200'000;

std::int64_t to_ns(std::chrono::milliseconds duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

/// A peer that closes its socket is an error of the write, not a death.
void ignore_broken_pipes() {
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
}

}  // namespace

/// The relay: one thread that sleeps on the link's bell, and works while there is something to do.
struct MachineLink::State {
  State(const WiringPlan& the_plan, const Arena& arena, Listener the_listener)
      : plan(the_plan),
        bell(arena.endpoint(arena.header().link)),
        clock(arena.header().clock),
        listener(std::move(the_listener)) {}

  void work(std::chrono::milliseconds patience);
  [[nodiscard]] Result<void> relay(std::chrono::milliseconds patience);
  [[nodiscard]] Result<bool> work_once();
  [[nodiscard]] bool has_work();
  [[nodiscard]] bool wait_awake(std::int64_t due_ns);
  void greet();
  void expect_nobody();
  void look_for_silence();
  void settle_down();
  void say_settled();

  const WiringPlan& plan;
  EndpointRecord& bell;  ///< the link's endpoint
  const GroupClock& clock;
  Listener listener;
  std::unique_ptr<LinkPeers> peers;
  std::unique_ptr<LinkSwitchboard> switchboard;
  bool lines_asked_for = false;
  bool connected_told = false;
  std::atomic<bool> begun{false};
  bool begun_seen = false;

  std::atomic<bool> ending{false};
  std::atomic<bool> settling{false};
  std::mutex settled_mutex;
  std::condition_variable settled_changed;
  bool settled = false;
  std::thread thread;
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
                                                       Listener listener, TaskSockets tasks) {
  auto state = std::make_unique<State>(plan, arena, std::move(listener));
  auto peers = LinkPeers::open(plan, state->bell, state->clock);
  if (!peers) return fail(peers.error());
  state->peers = std::move(*peers);
  state->switchboard =
      std::make_unique<LinkSwitchboard>(plan, arena, *state->peers, ends, std::move(tasks));
  state->peers->set_line_desk(*state->switchboard);
  state->thread = std::thread([s = state.get(), patience] { s->work(patience); });
  return std::unique_ptr<MachineLink>(new MachineLink(std::move(state)));
}

MachineLink::~MachineLink() {
  state_->ending = true;
  ring_slowly(state_->bell);
  if (state_->thread.joinable()) state_->thread.join();
}

void MachineLink::begin() {
  state_->begun = true;
  ring_slowly(state_->bell);
}

bool MachineLink::settle(std::chrono::milliseconds patience) {
  state_->settling = true;
  ring_slowly(state_->bell);
  std::unique_lock lock(state_->settled_mutex);
  return state_->settled_changed.wait_for(lock, patience, [this] { return state_->settled; });
}

LinkFigures MachineLink::figures() const {
  LinkFigures figures;
  figures.channels = state_->switchboard->figures();
  const auto load = [](const std::atomic<std::uint64_t>& number) {
    return number.load(std::memory_order_acquire);
  };
  for (const LinkPeer& peer : state_->peers->all()) {
    const auto& counters = peer.counters;
    figures.peers.push_back({.machine = peer.machine,
                             .transport = peer.transport,
                             .bytes_sent = load(counters.bytes_sent),
                             .bytes_received = load(counters.bytes_received),
                             .parcels_sent = load(counters.parcels_sent),
                             .parcels_received = load(counters.parcels_received),
                             .parcels_resent = load(counters.parcels_resent),
                             .parcels_refused = load(counters.parcels_refused),
                             .reconnects = load(counters.reconnects)});
  }
  figures.connections_refused = state_->peers->connections_refused();
  return figures;
}

void MachineLink::State::work(std::chrono::milliseconds patience) {
  ignore_broken_pipes();
  if (auto done = relay(patience); !done) listener.failed(done.error());
  for (auto& peer : peers->all()) {
    peer.say_bye();
    peer.session.flush(group_now_ns(clock));
  }
  say_settled();
}

Result<void> MachineLink::State::relay(std::chrono::milliseconds patience) {
  Waiter waiter(bell, clock);
  const auto deadline_ns = group_now_ns(clock) + to_ns(patience);
  peers->expect_life();
  while (!ending) {
    auto moved = work_once();
    if (!moved) return fail(moved.error());
    if (!connected_told) {
      greet();
      if (!connected_told && group_now_ns(clock) >= deadline_ns) {
        return fail(ErrorCode::kTimedOut, "not every machine of the group answered within ",
                    mvm::to_string(Duration(patience)), "; can they reach each other's addresses?");
      }
    }
    if (*moved) continue;
    auto due_ns = std::min(peers->next_due_ns(), switchboard->next_due_ns());
    if (!connected_told) due_ns = std::min(due_ns, deadline_ns);
    if (wait_awake(due_ns)) continue;
    const LinkWatcher::OnDuty watching(peers->watcher());
    waiter.wait([this] { return ending || has_work(); }, due_ns);
  }
  return {};
}

/// What moved once mostly moves again at once. Hands the core to the tasks meanwhile. True when
/// there is work, or `due_ns` of the group's clock has come.
bool MachineLink::State::wait_awake(std::int64_t due_ns) {
  const auto until_ns = monotonic_ns() + kAwakeNs;
  do {
    peers->look();
    if (has_work() || group_now_ns(clock) >= due_ns) return true;
    ::sched_yield();
  } while (!ending && monotonic_ns() < until_ns);
  return false;
}

/// One round: takes what has come, gives every channel its turn, and sends. True when something
/// moved.
Result<bool> MachineLink::State::work_once() {
  auto received = peers->receive(
      [this](LinkPeer& peer, FrameReader& frames) { return switchboard->on_frames(peer, frames); });
  if (!received) return received;
  auto pumped = switchboard->pump();
  if (!pumped) return pumped;
  bool moved = *received || *pumped;
  moved |= switchboard->report(settling ? kNever : group_now_ns(clock));
  look_for_silence();
  if (begun && !std::exchange(begun_seen, true)) expect_nobody();
  if (settling) settle_down();
  moved |= peers->flush();
  return moved;
}

bool MachineLink::State::has_work() {
  if (peers->has_news() || switchboard->has_work() || begun != begun_seen) return true;
  if (!settling) return false;
  return std::ranges::any_of(peers->all(), [](const LinkPeer& peer) { return !peer.bye_said; });
}

void MachineLink::State::greet() {
  if (!peers->all_heard()) return;
  if (!std::exchange(lines_asked_for, true)) switchboard->ask_for_lines();
  if (peers->asks_for_lines()) return;
  connected_told = true;
  if (!switchboard->hands_over()) peers->forget_names();
  peers->expect_life();
  listener.connected();
}

void MachineLink::State::expect_nobody() {
  switchboard->end_handing_over();
  peers->forget_names();
}

void MachineLink::State::look_for_silence() {
  const auto now = group_now_ns(clock);
  for (auto& peer : peers->all()) {
    if (peer.lost) continue;
    // One that has said bye may not have heard what this machine has still to say.
    if (peer.session.suspects(now) && !peer.is_at_rest()) {
      peer.carrier.reconnect(peer.machine);
      switchboard->cut_lines(peer);
    }
    if (peer.bye_heard || !connected_told || !peer.session.expired(now)) continue;
    peer.lost = true;
    switchboard->cut_lines(peer);
    switchboard->end_streams(peer);
    listener.failed(Error{
        ErrorCode::kTransport,
        text("machine ", peer.machine, " has not been heard for ",
             mvm::to_string(Duration(plan.reconnect)),
             ": it hangs, or the network to it is broken; queues to and from it have ended")});
  }
}

/// Says bye to each machine that everything has been told to, and sees whether all have said it.
void MachineLink::State::settle_down() {
  for (auto& peer : peers->all()) {
    if (switchboard->all_told(peer)) peer.say_bye();
  }
  if (std::ranges::all_of(peers->all(), &LinkPeer::is_at_rest)) say_settled();
}

void MachineLink::State::say_settled() {
  {
    const std::scoped_lock lock(settled_mutex);
    if (std::exchange(settled, true)) return;
    settled_changed.notify_all();
  }
  if (listener.settled) listener.settled();
}

}  // namespace mvm::queue
