// SPDX-License-Identifier: Apache-2.0
#include "link_sockets.hpp"

#include <atomic>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace mvm::queue {
namespace {

/// A payload part is a fragment; nobody sends more than this in one.
constexpr std::size_t kLargestPayload = 1 << 20;
/// How soon the receiving thread notices that it is to end.
constexpr int kPollMs = 50;

}  // namespace

struct LinkSockets::State {
  zmq::context_t context{1};
  zmq::socket_t incoming{context, zmq::socket_type::pull};
  std::vector<zmq::socket_t> outgoing;  ///< by machine; this machine's own stays unconnected
  std::function<void()> on_arrival;
  mutable std::mutex mutex;
  std::deque<Arrival> arrivals;
  std::atomic<bool> broken{false};
  std::atomic<bool> ending{false};
  std::thread receiver;

  void receive();
  void take_in(std::vector<zmq::message_t>& parts);
};

namespace {

/// Keys make each end prove that it belongs to the group; what a stranger sends is never seen.
void secure_server(zmq::socket_t& socket, const LinkKeys& keys) {
  if (keys.server_secret.empty()) return;
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys.server_secret);
}

void secure_client(zmq::socket_t& socket, const LinkKeys& keys) {
  if (keys.server_public.empty()) return;
  socket.set(zmq::sockopt::curve_serverkey, keys.server_public);
  socket.set(zmq::sockopt::curve_publickey, keys.client_public);
  socket.set(zmq::sockopt::curve_secretkey, keys.client_secret);
}

}  // namespace

LinkSockets::LinkSockets(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<LinkSockets>> LinkSockets::open(const WiringPlan& plan,
                                                       std::function<void()> on_arrival) {
  const auto& own = plan.machines[plan.machine].endpoint;
  try {
    auto state = std::make_unique<State>();
    state->on_arrival = std::move(on_arrival);
    // What is in flight is bounded by the queues and by windows, so ZeroMQ needs no limit of its
    // own; and when the link closes, nobody waits for what is still under way.
    state->incoming.set(zmq::sockopt::rcvhwm, 0);
    state->incoming.set(zmq::sockopt::linger, 0);
    state->incoming.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(kLargestPayload));
    state->incoming.set(zmq::sockopt::rcvtimeo, kPollMs);
    secure_server(state->incoming, plan.keys);
    state->incoming.bind(own);
    for (std::uint32_t machine = 0; machine < plan.machines.size(); ++machine) {
      auto& socket = state->outgoing.emplace_back(state->context, zmq::socket_type::push);
      socket.set(zmq::sockopt::sndhwm, 0);
      socket.set(zmq::sockopt::linger, 0);
      socket.set(zmq::sockopt::reconnect_ivl, 5);
      secure_client(socket, plan.keys);
      if (machine != plan.machine) socket.connect(plan.machines[machine].endpoint);
    }
    std::unique_ptr<LinkSockets> sockets(new LinkSockets(std::move(state)));
    sockets->state_->receiver = std::thread([s = sockets->state_.get()] { s->receive(); });
    return sockets;
  } catch (const zmq::error_t& problem) {
    return fail(ErrorCode::kTransport, "link machines at ", own, ": ", problem.what());
  }
}

LinkSockets::~LinkSockets() {
  state_->ending = true;
  if (state_->receiver.joinable()) state_->receiver.join();
}

void LinkSockets::send(std::uint32_t machine, const LinkFrame& frame, std::string_view payload) {
  auto& socket = state_->outgoing[machine];
  const std::string header = encode(frame);
  try {
    if (frame.kind != LinkKind::kData) {
      socket.send(zmq::buffer(header), zmq::send_flags::none);
      return;
    }
    socket.send(zmq::buffer(header), zmq::send_flags::sndmore);
    // The payload lies in the queue, which keeps it until the acknowledgement.
    zmq::message_t part(const_cast<char*>(payload.data()), payload.size(), [](void*, void*) {});
    socket.send(part, zmq::send_flags::none);
  } catch (const zmq::error_t&) {
    state_->broken = true;
  }
}

std::deque<Arrival> LinkSockets::take() {
  const std::scoped_lock lock(state_->mutex);
  return std::exchange(state_->arrivals, {});
}

bool LinkSockets::has_arrivals() const {
  const std::scoped_lock lock(state_->mutex);
  return !state_->arrivals.empty() || state_->broken;
}

bool LinkSockets::broken() const { return state_->broken; }

void LinkSockets::State::receive() {
  std::vector<zmq::message_t> parts;
  while (!ending) {
    try {
      zmq::message_t part;
      if (!incoming.recv(part)) continue;
      const bool more = part.more();
      parts.push_back(std::move(part));
      if (more) continue;
      take_in(parts);
      parts.clear();
    } catch (const zmq::error_t&) {
      broken = true;
    }
  }
}

void LinkSockets::State::take_in(std::vector<zmq::message_t>& parts) {
  const auto frame = decode_link_frame(parts[0].to_string_view());
  const std::size_t wanted = frame && frame->kind == LinkKind::kData ? 2 : 1;
  if (!frame || parts.size() != wanted) {
    broken = true;
  } else {
    const std::scoped_lock lock(mutex);
    arrivals.push_back({*frame, wanted == 2 ? parts[1].to_string() : std::string()});
  }
  on_arrival();
}

}  // namespace mvm::queue
