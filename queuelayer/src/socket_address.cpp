// SPDX-License-Identifier: Apache-2.0
#include "socket_address.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <cstring>

#include <mvm/queuelayer/belongings.hpp>

namespace mvm::queue {
namespace {

Result<SocketAddress> unix_address(const std::string& path) {
  SocketAddress address;
  auto& name = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.size() >= sizeof name.sun_path) {
    return fail(ErrorCode::kTransport, "the socket's path ", path, " is longer than ",
                sizeof name.sun_path - 1, " bytes; set MVM_RUNTIME_DIR to a shorter folder");
  }
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  address.length = sizeof name;
  return address;
}

}  // namespace

Result<SocketAddress> SocketAddress::resolve(const std::string& endpoint) {
  if (const auto path = socket_path(endpoint); !path.empty()) return unix_address(path);
  constexpr std::string_view kTcp = "tcp://";
  const auto colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kTcp) || colon < kTcp.size()) {
    return fail(ErrorCode::kTransport, "'", endpoint,
                "' is neither tcp://HOST:PORT nor ipc://PATH");
  }
  const auto host = endpoint.substr(kTcp.size(), colon - kTcp.size());
  const auto port = endpoint.substr(colon + 1);
  const addrinfo wanted{.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (const int problem = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found);
      problem != 0) {
    return fail(ErrorCode::kTransport, "find ", endpoint, ": ", ::gai_strerror(problem));
  }
  SocketAddress address;
  address.length = found->ai_addrlen;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return address;
}

UniqueFd SocketAddress::open_socket() const {
  UniqueFd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  send_without_delay(socket.get());
  return socket;
}

void send_without_delay(int socket) {
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace mvm::queue
