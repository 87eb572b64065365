// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include <mvm/base/unique_fd.hpp>

#include "little_endian.hpp"
#include "socket_address.hpp"

namespace mvm::queue {

/// A socket that a test holds by hand.
inline UniqueFd connect_to(const std::string& endpoint) {
  const auto address = SocketAddress::resolve(endpoint);
  UniqueFd socket(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (::connect(socket.get(), address->generic(), address->length) == 0) return socket;
    ::usleep(1000);
  }
  ADD_FAILURE() << "nobody listens at " << endpoint;
  return socket;
}

/// What the hand of a played machine holds.
class HandHeldWire {
 public:
  virtual ~HandHeldWire() = default;
  virtual void say(const std::vector<std::string>& parts) = 0;
  /// A new connection in place of the old one.
  virtual void connect() = 0;
};

class HandHeldZmq : public HandHeldWire {
 public:
  explicit HandHeldZmq(std::string endpoint) : endpoint_(std::move(endpoint)) {}
  void connect() override {
    socket_.emplace(context_, zmq::socket_type::dealer);
    socket_->set(zmq::sockopt::linger, 0);
    socket_->set(zmq::sockopt::routing_id, std::string("mvm\1\0\0\0", 7));
    socket_->connect(endpoint_);
  }
  void say(const std::vector<std::string>& parts) override {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      socket_->send(zmq::buffer(parts[i]),
                    i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }

 private:
  std::string endpoint_;
  zmq::context_t context_{1};
  std::optional<zmq::socket_t> socket_;
};

class HandHeldSocket : public HandHeldWire {
 public:
  explicit HandHeldSocket(std::string endpoint) : endpoint_(std::move(endpoint)) {}
  void connect() override {
    socket_ = connect_to(endpoint_);
    say_bytes(std::string("mvmlink2\1\0\0\0\0\0\0\0", 16));
  }
  void say(const std::vector<std::string>& parts) override {
    std::string bytes(8, '\0');
    char* at = bytes.data();
    put_little(at, static_cast<std::uint32_t>(parts[0].size()));
    put_little(at, static_cast<std::uint32_t>(parts.size() > 1 ? parts[1].size() : 0));
    for (const auto& part : parts) bytes += part;
    say_bytes(bytes);
  }
  /// Nobody listens any more once a machine has ended the group: then its words are lost.
  void say_bytes(const std::string& bytes) {
    if (!socket_) return;
    pollfd wait{socket_.get(), POLLOUT, 0};
    constexpr int kListensMs = 2000;
    const bool listens = ::poll(&wait, 1, kListensMs) == 1;
    if (!listens ||
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      socket_.reset();
    }
  }

 private:
  std::string endpoint_;
  UniqueFd socket_;
};

}  // namespace mvm::queue
