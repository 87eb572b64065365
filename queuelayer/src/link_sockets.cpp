// SPDX-License-Identifier: Apache-2.0
#include "link_sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include <mvm/base/file.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/belongings.hpp>

namespace mvm::queue {
namespace {

/// A payload part is a fragment; nobody sends more than this in one.
constexpr std::size_t kLargestPayload = 1 << 20;
/// Each one lost means that another queue VM came and went between two system calls of this one.
constexpr int kBindAttempts = 10;
/// How soon the receiving thread notices that it is to end.
constexpr int kPollMs = 50;

}  // namespace

struct LinkSockets::State {
  zmq::context_t context{1};
  zmq::socket_t doorkeeper{context, zmq::socket_type::rep};  ///< ZAP: asked about each newcomer
  std::string admitted_key;                                  ///< the group's client key, Z85
  Belongings name;                                           ///< of a unix socket
  UniqueFd folder_lock;                                      ///< tells that its folder is in use
  zmq::socket_t incoming{context, zmq::socket_type::pull};
  std::vector<zmq::socket_t> outgoing;  ///< by machine; this machine's own stays unconnected
  std::function<void()> on_arrival;
  mutable std::mutex mutex;
  std::deque<Arrival> arrivals;
  std::atomic<bool> broken{false};
  std::atomic<bool> ending{false};
  std::thread receiver;

  [[nodiscard]] Result<void> listen(const std::string& endpoint);
  [[nodiscard]] Result<void> make_folder(const std::string& endpoint);
  void receive();
  void receive_frame();
  void judge_newcomer();
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

namespace {

/// ZeroMQ binds to numbers only: "tcp://node1:7000" becomes "tcp://10.0.0.1:7000".
Result<std::string> bindable(const std::string& endpoint) {
  constexpr std::string_view kTcp = "tcp://";
  const auto colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kTcp) || colon < kTcp.size()) return endpoint;
  const auto host = endpoint.substr(kTcp.size(), colon - kTcp.size());
  const addrinfo wanted{.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (const int problem = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found); problem != 0) {
    return fail(ErrorCode::kTransport, "listen at ", endpoint, ": ", ::gai_strerror(problem));
  }
  char numbers[INET_ADDRSTRLEN];
  const auto* address = reinterpret_cast<const sockaddr_in*>(found->ai_addr);
  ::inet_ntop(AF_INET, &address->sin_addr, numbers, sizeof numbers);
  ::freeaddrinfo(found);
  return text(kTcp, std::string_view(numbers), endpoint.substr(colon));
}

}  // namespace

LinkSockets::LinkSockets(std::unique_ptr<State> state) : state_(std::move(state)) {}

/// Binds, again where other queue VMs of the group removed the folder in between, because they had
/// met already and no socket was in it.
Result<void> LinkSockets::State::listen(const std::string& endpoint) {
  for (int attempt = 1;; ++attempt) {
    if (auto made = make_folder(endpoint); !made) return made;
    try {
      incoming.bind(endpoint);
      return {};
    } catch (const zmq::error_t& problem) {
      if (problem.num() != ENOENT || attempt == kBindAttempts) throw;
    }
  }
}

/// A unix socket lies in a folder that only this user may enter.
Result<void> LinkSockets::State::make_folder(const std::string& endpoint) {
  name.link_socket = socket_path(endpoint);
  if (name.link_socket.empty()) return {};
  const auto folder = std::filesystem::path(name.link_socket).parent_path();
  if (auto made = mvm::make_folder(folder.parent_path(), true); !made) return made;
  if (auto made = mvm::make_folder(folder, true); !made) return made;
  folder_lock.reset(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::flock(folder_lock.get(), LOCK_SH | LOCK_NB);
  return {};
}

void LinkSockets::forget_name() {
  state_->name.remove();
}

Result<std::unique_ptr<LinkSockets>> LinkSockets::open(const WiringPlan& plan,
                                                       std::function<void()> on_arrival) {
  const auto own = bindable(plan.machines[plan.machine].endpoint);
  if (!own) return fail(own.error());
  try {
    auto state = std::make_unique<State>();
    state->on_arrival = std::move(on_arrival);
    // What is in flight is bounded by the queues and by windows, so ZeroMQ needs no limit of its
    // own; and when the link closes, nobody waits for what is still under way.
    state->incoming.set(zmq::sockopt::rcvhwm, 0);
    state->incoming.set(zmq::sockopt::linger, 0);
    state->incoming.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(kLargestPayload));
    state->admitted_key = plan.keys.client_public;
    // ZeroMQ asks whoever is bound here (RFC 27) before it lets a CURVE client in.
    state->doorkeeper.bind("inproc://zeromq.zap.01");
    secure_server(state->incoming, plan.keys);
    if (auto listening = state->listen(*own); !listening) return fail(listening.error());
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
    return fail(ErrorCode::kTransport, "link machines at ", *own, ": ", problem.what());
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

bool LinkSockets::broken() const {
  return state_->broken;
}

void LinkSockets::State::receive() {
  std::array<zmq::pollitem_t, 2> items{
      {{incoming.handle(), 0, ZMQ_POLLIN, 0}, {doorkeeper.handle(), 0, ZMQ_POLLIN, 0}}};
  while (!ending) {
    try {
      zmq::poll(items.data(), items.size(), std::chrono::milliseconds(kPollMs));
      if (items[1].revents != 0) judge_newcomer();
      if (items[0].revents != 0) receive_frame();
    } catch (const zmq::error_t&) {
      broken = true;
      on_arrival();
    }
  }
}

void LinkSockets::State::receive_frame() {
  std::vector<zmq::message_t> parts;
  do {
    zmq::message_t part;
    if (!incoming.recv(part)) return;
    parts.push_back(std::move(part));
  } while (parts.back().more());
  take_in(parts);
}

/// Lets in who proved to hold the group's client key. The request's frames are: version, request
/// id, domain, address, identity, mechanism, and for CURVE the client's public key.
void LinkSockets::State::judge_newcomer() {
  std::vector<std::string> request;
  bool more = true;
  while (more) {
    zmq::message_t part;
    if (!doorkeeper.recv(part)) return;
    request.push_back(part.to_string());
    more = part.more();
  }
  bool admitted = false;
  if (request.size() == 7 && request[5] == "CURVE" && request[6].size() == 32) {
    char key[41];
    zmq_z85_encode(key, reinterpret_cast<const std::uint8_t*>(request[6].data()), 32);
    admitted = admitted_key == key;
  }
  const std::string id = request.size() > 1 ? request[1] : std::string();
  const std::array<std::string, 6> reply{
      "1.0", id, admitted ? "200" : "400", admitted ? "OK" : "not of this group", "", ""};
  for (std::size_t i = 0; i < reply.size(); ++i) {
    doorkeeper.send(zmq::buffer(reply[i]),
                    i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
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
