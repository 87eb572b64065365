// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <string>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>

namespace mvm::queue {

/// Where a socket is: "tcp://HOST:PORT" or "ipc://PATH", resolved.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  /// Looks the host up, which may take a while. Errors: kTransport.
  [[nodiscard]] static Result<SocketAddress> resolve(const std::string& endpoint);
  [[nodiscard]] const sockaddr* generic() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  /// A socket of this family that does not block. For TCP, small packets are not held back.
  [[nodiscard]] UniqueFd open_socket() const;
};

/// Packets of an accepted connection are not held back either. Nothing for unix sockets.
void send_without_delay(int socket);

}  // namespace mvm::queue
