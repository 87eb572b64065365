// SPDX-License-Identifier: GPL-3.0-or-later

/// Whoever can reach the machines of a group over the network, and is not one of them. For some
/// seconds it tries all that it can think of at some addresses, and in the end says how often it
/// got a connection, and how many messages it was sent: "N connections, M messages".
///
///   stranger SECONDS HOST:PORT…

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>
#include <zmq.hpp>

namespace {

using Clock = std::chrono::steady_clock;

struct Heard {
  unsigned long connections = 0;
  unsigned long messages = 0;
};

class Socket {
 public:
  explicit Socket(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const auto colon = address.rfind(':');
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(address.substr(0, colon).c_str(), address.c_str() + colon + 1, &hints,
                      &found) != 0) {
      return;
    }
    connected_ = ::connect(fd_, found->ai_addr, found->ai_addrlen) == 0;
    ::freeaddrinfo(found);
  }
  Socket(Socket&& other) noexcept : fd_(other.fd_), connected_(other.connected_) { other.fd_ = -1; }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool connected() const { return connected_; }
  void say(const std::string& bytes) const {
    [[maybe_unused]] const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  int fd_;
  bool connected_ = false;
};

std::string noise(std::mt19937& random) {
  std::string bytes(1 + random() % 4096, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// The beginning of ZeroMQ's protocol, with a mechanism of one's choice, then noise.
std::string greeting(const std::string& mechanism) {
  std::string bytes("\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01", 12);
  bytes += mechanism;
  bytes.resize(32, '\0');
  bytes.resize(64, '\0');
  return bytes;
}

/// Many connections at once that say something, or nothing.
void rush(const std::string& address, std::mt19937& random, Heard& heard) {
  std::vector<Socket> open;
  for (int i = 0; i < 40; ++i) {
    Socket socket(address);
    if (!socket.connected()) continue;
    ++heard.connections;
    switch (i % 4) {
      case 0:
        socket.say(noise(random));
        break;
      case 1:
        socket.say(greeting("NULL") + noise(random));
        break;
      case 2:
        socket.say(greeting("CURVE") + noise(random));
        break;
      default:
        break;
    }
    open.push_back(std::move(socket));
  }
}

enum class Keys { kNone, kOwn };

/// As a machine of the group would, but for the keys.
void pose(const std::string& address, Keys keys, zmq::context_t& context, Heard& heard) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  const std::string name("mvm\1\0\0\0", 7);  // machine 1
  socket.set(zmq::sockopt::routing_id, name);
  if (keys == Keys::kOwn) {
    char server_public[41], server_secret[41], own_public[41], own_secret[41];
    zmq_curve_keypair(server_public, server_secret);
    zmq_curve_keypair(own_public, own_secret);
    socket.set(zmq::sockopt::curve_serverkey, server_public);
    socket.set(zmq::sockopt::curve_publickey, own_public);
    socket.set(zmq::sockopt::curve_secretkey, own_secret);
  }
  socket.connect("tcp://" + address);
  socket.send(zmq::buffer(std::string(200, 'x')), zmq::send_flags::dontwait);
  socket.set(zmq::sockopt::rcvtimeo, 100);
  zmq::message_t message;
  if (socket.recv(message)) ++heard.messages;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: stranger SECONDS HOST:PORT...\n");
    return 2;
  }
  const auto end = Clock::now() + std::chrono::seconds(std::atoi(argv[1]));
  std::mt19937 random(1);
  zmq::context_t context(1);
  Heard heard;
  while (Clock::now() < end) {
    for (int i = 2; i < argc; ++i) {
      rush(argv[i], random, heard);
      pose(argv[i], Keys::kNone, context, heard);
      pose(argv[i], Keys::kOwn, context, heard);
    }
  }
  std::printf("%lu connections, %lu messages\n", heard.connections, heard.messages);
}
