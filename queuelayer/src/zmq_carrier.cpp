// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "carrier.hpp"
#include "link_keys.hpp"
#include "link_parcel.hpp"
#include "link_socket_folder.hpp"
#include "little_endian.hpp"

namespace mvm::queue {
namespace {

/// ZeroMQ cuts a connection that sends a longer part.
constexpr std::int64_t kLargestPart = 1 << 20;
/// What is still under way when the link closes is worth this, and no more.
constexpr int kLingerMs = 50;
/// A lost connection is tried again after this, and an attempt that nobody answers is given up.
constexpr int kReconnectMs = 10;
constexpr int kLongestReconnectMs = 200;
constexpr int kConnectTimeoutMs = 1000;
/// A connection that has not proved itself by then is closed, so that strangers who say nothing do
/// not use up this process's descriptors.
constexpr int kHandshakeTimeoutMs = 5000;
/// How a machine is called by the socket that others connect to. ZeroMQ keeps names that begin with
/// a zero for itself.
constexpr std::string_view kNamePrefix = "mvm";

std::string name_of(std::uint32_t machine) {
  std::string name(kNamePrefix);
  name.resize(kNamePrefix.size() + sizeof machine);
  char* at = name.data() + kNamePrefix.size();
  put_little(at, machine);
  return name;
}

std::optional<std::uint32_t> machine_of(std::string_view name) {
  if (!name.starts_with(kNamePrefix) || name.size() != kNamePrefix.size() + sizeof(std::uint32_t)) {
    return {};
  }
  const char* at = name.data() + kNamePrefix.size();
  return get_little<std::uint32_t>(at);
}

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

/// Keys make each end prove that it belongs to the group; what a stranger sends is never seen.
void secure_server(zmq::socket_t& socket, const CurveKeys& keys) {
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys.server_secret);
}

void secure_client(zmq::socket_t& socket, const CurveKeys& keys) {
  socket.set(zmq::sockopt::curve_serverkey, keys.server_public);
  socket.set(zmq::sockopt::curve_publickey, keys.client_public);
  socket.set(zmq::sockopt::curve_secretkey, keys.client_secret);
}

/// What is in flight is bounded by the sessions, so ZeroMQ needs no limit of its own.
void set_common(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::linger, kLingerMs);
  socket.set(zmq::sockopt::maxmsgsize, kLargestPart);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeTimeoutMs);
}

constexpr int kHandshakeFailures = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                   ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

/// The parts of one message. No message of ours has more than three.
using Parts = std::vector<zmq::message_t>;
constexpr std::size_t kMostParts = 3;

/// Takes a message whole; parts beyond kMostParts are counted, not kept. False when there is none.
bool take(zmq::socket_t& socket, Parts& parts, std::size_t& count) {
  parts.clear();
  count = 0;
  bool more = true;
  while (more) {
    zmq::message_t part;
    if (!socket.recv(part, zmq::recv_flags::dontwait)) return false;
    more = part.more();
    if (++count <= kMostParts) parts.push_back(std::move(part));
  }
  return true;
}

/// Parcels over ZeroMQ: one connection to each other machine, which the machine of the higher
/// number makes. Over TCP with CURVE, whose keys prove that both belong to the group; or over unix
/// sockets in a folder that only this user may enter.
struct ZmqCarrier : Carrier {
  [[nodiscard]] bool send(std::uint32_t machine, std::string_view head,
                          std::string_view tail) override;
  bool receive(Listener& listener) override;
  [[nodiscard]] bool has_news() const override;
  void reconnect(std::uint32_t machine) override;
  void ask_for_line(std::uint32_t, std::uint64_t) override {}
  [[nodiscard]] bool asks_for_lines() const override { return false; }
  void forget_name() override;
  [[nodiscard]] std::uint64_t refused() const override;

  /// A machine of a lower number, to whose socket this one connects.
  struct Lower {
    zmq::socket_t socket;
    zmq::socket_t monitor;
    std::string endpoint;
  };

  zmq::context_t context{1};
  zmq::socket_t doorkeeper{context, zmq::socket_type::rep};  ///< ZAP: asked about each newcomer
  std::optional<CurveKeys> keys;                             ///< none over unix sockets
  LinkSocketFolder folder;
  std::optional<zmq::socket_t> bound;  ///< to which machines of higher numbers connect
  std::optional<zmq::socket_t> bound_monitor;
  std::map<std::uint32_t, bool> higher;  ///< true while connected, and heard
  std::map<std::uint32_t, Lower> lower;
  std::atomic<bool> news{true};
  std::atomic<std::uint64_t> refusals{0};
  Parts parts;

  [[nodiscard]] Result<void> bind(const WiringPlan& plan);
  void connect(const WiringPlan& plan, std::uint32_t machine);
  [[nodiscard]] Result<void> watch_all(LinkWatcher& watcher);
  [[nodiscard]] zmq::socket_t monitor(zmq::socket_t& socket, const std::string& name, int events);
  int receive_from_higher(Listener& listener);
  int receive_from_lower(Listener& listener, std::uint32_t machine, Lower& from);
  void deliver(Listener& listener, std::uint32_t machine, std::size_t first, std::size_t count);
  void read_monitors(Listener& listener);
  void judge_newcomers();
  void judge(const std::vector<std::string>& request);
};

Result<void> ZmqCarrier::bind(const WiringPlan& plan) {
  const auto endpoint = bindable(plan.machines[plan.machine].endpoint);
  if (!endpoint) return fail(endpoint.error());
  bound.emplace(context, zmq::socket_type::router);
  set_common(*bound);
  // A machine whose connection broke comes back under its name, perhaps before the break is seen.
  bound->set(zmq::sockopt::router_handover, true);
  bound->set(zmq::sockopt::router_mandatory, true);
  if (keys) secure_server(*bound, *keys);
  bound_monitor = monitor(*bound, "inproc://bound", kHandshakeFailures);
  for (int attempt = 1;; ++attempt) {
    if (auto made = folder.make(*endpoint); !made) return made;
    try {
      bound->bind(*endpoint);
      return {};
    } catch (const zmq::error_t& problem) {
      if (problem.num() != ENOENT || attempt == kBindAttempts) throw;
    }
  }
}

void ZmqCarrier::connect(const WiringPlan& plan, std::uint32_t machine) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  set_common(socket);
  socket.set(zmq::sockopt::routing_id, name_of(plan.machine));
  socket.set(zmq::sockopt::reconnect_ivl, kReconnectMs);
  socket.set(zmq::sockopt::reconnect_ivl_max, kLongestReconnectMs);
  socket.set(zmq::sockopt::connect_timeout, kConnectTimeoutMs);
  if (keys) secure_client(socket, *keys);
  auto watch = monitor(socket, text("inproc://to", machine), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  const auto& endpoint = plan.machines[machine].endpoint;
  socket.connect(endpoint);
  lower.emplace(machine, Lower{std::move(socket), std::move(watch), endpoint});
}

zmq::socket_t ZmqCarrier::monitor(zmq::socket_t& socket, const std::string& name, int events) {
  if (::zmq_socket_monitor(socket.handle(), name.c_str(), events) != 0) throw zmq::error_t();
  zmq::socket_t reader(context, zmq::socket_type::pair);
  reader.set(zmq::sockopt::linger, 0);
  reader.connect(name);
  return reader;
}

Result<void> ZmqCarrier::watch_all(LinkWatcher& watcher) {
  const auto watch = [&](zmq::socket_t& socket) {
    return watcher.watch(socket.get(zmq::sockopt::fd), LinkWatcher::For::kReading, news);
  };
  if (auto watched = watch(doorkeeper); !watched) return watched;
  if (bound) {
    if (auto watched = watch(*bound); !watched) return watched;
    if (auto watched = watch(*bound_monitor); !watched) return watched;
  }
  for (auto& [machine, to] : lower) {
    if (auto watched = watch(to.socket); !watched) return watched;
    if (auto watched = watch(to.monitor); !watched) return watched;
  }
  return {};
}

bool ZmqCarrier::has_news() const {
  return news.load(std::memory_order_acquire);
}

bool ZmqCarrier::send(std::uint32_t machine, std::string_view head, std::string_view tail) {
  const auto to = lower.find(machine);
  auto& socket = to != lower.end() ? to->second.socket : *bound;
  // Sending takes in ZeroMQ's own news, so that its descriptor may not tell of them any more.
  news.store(true, std::memory_order_relaxed);
  // ZeroMQ gives a connection up for good when its other end breaks ZeroMQ's own protocol. Then
  // there is nobody to send to until `reconnect`, and sending must not wait for it.
  constexpr auto kAtOnce = zmq::send_flags::dontwait;
  try {
    if (to == lower.end()) {
      auto& connected = higher.at(machine);
      if (!connected) return false;
      connected = false;  // unless the name is known
      if (!socket.send(zmq::buffer(name_of(machine)), kAtOnce | zmq::send_flags::sndmore)) {
        return false;
      }
      connected = true;
    }
    if (tail.empty()) return socket.send(zmq::buffer(head), kAtOnce).has_value();
    if (!socket.send(zmq::buffer(head), kAtOnce | zmq::send_flags::sndmore)) return false;
    zmq::message_t part(const_cast<char*>(tail.data()), tail.size(), [](void*, void*) {});
    return socket.send(part, kAtOnce).has_value();
  } catch (const zmq::error_t&) {
    return false;
  }
}

/// Whoever lowers the flag uses up everything: after a look at each socket that found nothing,
/// ZeroMQ will write to its descriptor when there is something.
bool ZmqCarrier::receive(Listener& listener) {
  if (!news.exchange(false, std::memory_order_acq_rel)) return false;
  try {
    judge_newcomers();
    read_monitors(listener);
    int most = 0;
    int all = 0;
    const auto add = [&](int count) {
      most = std::max(most, count);
      all += count;
    };
    if (bound) add(receive_from_higher(listener));
    for (auto& [machine, from] : lower) add(receive_from_lower(listener, machine, from));
    if (most == kParcelsPerLook) news.store(true, std::memory_order_relaxed);
    return all > 0;
  } catch (const zmq::error_t&) {
    return false;  // what was wrong with a socket shows as silence, and silence has its own end
  }
}

int ZmqCarrier::receive_from_higher(Listener& listener) {
  int taken = 0;
  for (std::size_t count = 0; taken < kParcelsPerLook && take(*bound, parts, count); ++taken) {
    const auto machine = machine_of(parts[0].to_string_view());
    const auto known = machine ? higher.find(*machine) : higher.end();
    if (known == higher.end()) {
      refusals.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    known->second = true;
    deliver(listener, *machine, 1, count);
  }
  return taken;
}

int ZmqCarrier::receive_from_lower(Listener& listener, std::uint32_t machine, Lower& from) {
  int taken = 0;
  for (std::size_t count = 0; taken < kParcelsPerLook && take(from.socket, parts, count); ++taken) {
    deliver(listener, machine, 0, count);
  }
  return taken;
}

void ZmqCarrier::deliver(Listener& listener, std::uint32_t machine, std::size_t first,
                         std::size_t count) {
  if (count != first + 1 && count != first + 2) {
    // No parcel at all; the listener counts it as one that was damaged.
    listener.on_parcel(machine, {}, {});
    return;
  }
  const auto tail = count == first + 2 ? parts[first + 1].to_string_view() : std::string_view();
  listener.on_parcel(machine, parts[first].to_string_view(), tail);
}

/// An event's first part begins with its number in 16 bits; the second is an address.
void ZmqCarrier::read_monitors(Listener& listener) {
  const auto event_of = [this] {
    std::uint16_t event = 0;
    if (!parts.empty() && parts[0].size() >= sizeof event) {
      std::memcpy(&event, parts[0].data(), sizeof event);
    }
    return event;
  };
  std::size_t count = 0;
  while (bound_monitor && take(*bound_monitor, parts, count)) {
    if ((event_of() & kHandshakeFailures) != 0) refusals.fetch_add(1, std::memory_order_relaxed);
  }
  for (auto& [machine, from] : lower) {
    while (take(from.monitor, parts, count)) listener.on_connected(machine);
  }
}

void ZmqCarrier::judge_newcomers() {
  std::vector<std::string> words;
  for (;;) {
    words.clear();
    bool more = true;
    while (more) {
      zmq::message_t part;
      if (!doorkeeper.recv(part, zmq::recv_flags::dontwait)) return;
      words.push_back(part.to_string());
      more = part.more();
    }
    judge(words);
  }
}

/// Lets in who proved to hold the group's client key. The request's frames are: version, request
/// id, domain, address, identity, mechanism, and for CURVE the client's public key.
void ZmqCarrier::judge(const std::vector<std::string>& request) {
  bool admitted = false;
  if (request.size() == 7 && request[5] == "CURVE" && request[6].size() == 32) {
    char key[41];
    zmq_z85_encode(key, reinterpret_cast<const std::uint8_t*>(request[6].data()), 32);
    admitted = keys && keys->client_public == key;
  }
  const std::string id = request.size() > 1 ? request[1] : std::string();
  const std::array<std::string, 6> reply{
      "1.0", id, admitted ? "200" : "400", admitted ? "OK" : "not of this group", "", ""};
  for (std::size_t i = 0; i < reply.size(); ++i) {
    doorkeeper.send(zmq::buffer(reply[i]),
                    i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

void ZmqCarrier::reconnect(std::uint32_t machine) {
  const auto to = lower.find(machine);
  if (to == lower.end()) {
    // Of machines with higher numbers it is they who connect. One that still hears this machine,
    // though nothing of its own arrives here, finds out when it hears no more.
    higher.at(machine) = false;
    return;
  }
  try {
    to->second.socket.disconnect(to->second.endpoint);
  } catch (const zmq::error_t&) {
    // It was given up already.
  }
  try {
    to->second.socket.connect(to->second.endpoint);
  } catch (const zmq::error_t&) {
    // Silence brings this machine here again.
  }
}

void ZmqCarrier::forget_name() {
  folder.remove();
}

std::uint64_t ZmqCarrier::refused() const {
  return refusals.load(std::memory_order_relaxed);
}

}  // namespace

Result<std::unique_ptr<Carrier>> open_zmq_carrier(const WiringPlan& plan,
                                                  const std::set<std::uint32_t>& partners,
                                                  LinkWatcher& watcher) {
  const auto& own = plan.machines[plan.machine].endpoint;
  const bool leaves_host = socket_path(own).empty();
  if (leaves_host && plan.secret.empty()) {
    return fail(ErrorCode::kInvalidPlan, "links over ", own, " need the group's secret");
  }
  try {
    auto carrier = std::make_unique<ZmqCarrier>();
    if (leaves_host) {
      auto keys = derive_curve_keys(plan.secret);
      if (!keys) return fail(keys.error());
      carrier->keys = *std::move(keys);
    }
    // ZeroMQ asks whoever is bound here (RFC 27) before it lets a CURVE client in.
    carrier->doorkeeper.set(zmq::sockopt::linger, 0);
    carrier->doorkeeper.bind("inproc://zeromq.zap.01");
    for (const auto machine : partners) {
      if (machine > plan.machine) carrier->higher[machine] = false;
    }
    if (!carrier->higher.empty()) {
      if (auto bound = carrier->bind(plan); !bound) return fail(bound.error());
    }
    for (const auto machine : partners) {
      if (machine < plan.machine) carrier->connect(plan, machine);
    }
    if (auto watched = carrier->watch_all(watcher); !watched) return fail(watched.error());
    return carrier;
  } catch (const zmq::error_t& problem) {
    return fail(ErrorCode::kTransport, "link machines at ", own, ": ", problem.what());
  }
}

}  // namespace mvm::queue
