// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <list>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <mvm/base/unique_fd.hpp>

namespace mvm::queue {

/// A network that breaks: whoever connects to it is connected to somebody else, until the
/// connection is cut after some random count of bytes, or a byte of it is changed. By order it
/// holds everything back, or refuses everybody.
class BreakingProxy {
 public:
  struct Habits {
    std::uint64_t most_bytes = 0;  ///< a connection is cut within so many; 0: never
    bool flips = false;            ///< changes the last byte before the cut
    int changes = 0;               ///< so often it changes a byte and does not cut, then it behaves
    int babbles = 0;               ///< to so many connections it says what nobody understands
    std::uint32_t seed = 1;
  };

  /// `to`: "tcp://127.0.0.1:PORT".
  BreakingProxy(const std::string& to, Habits habits)
      : habits_(habits), random_(habits.seed), to_(address_of(to)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof own;
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&own), length);
    ::listen(listener_.get(), 64);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&own), &length);
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(own.sin_port));
    thread_ = std::thread([this] { run(); });
  }
  ~BreakingProxy() {
    ending_ = true;
    thread_.join();
  }
  BreakingProxy(const BreakingProxy&) = delete;
  BreakingProxy& operator=(const BreakingProxy&) = delete;

  const std::string& endpoint() const { return endpoint_; }
  int cuts() const { return cuts_; }
  void behave() { behaves_ = true; }           ///< no more cuts
  void hold_back(bool held) { held_ = held; }  ///< like a cable that is pulled
  void refuse() { refuses_ = true; }           ///< like a host that is gone
  /// From now on nothing arrives any more that who connects says over the connections there are.
  void lose_words_of_connecting_end() { loses_ = true; }

 private:
  struct Pipe {
    UniqueFd ends[2];
    std::uint64_t left;
    std::string waiting[2];  ///< to be written to each end
    bool loses = false;      ///< what the end that connects says
    bool dead = false;
  };

  static sockaddr_in address_of(const std::string& endpoint) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    return address;
  }

  void run() {
    while (!ending_) {
      if (refuses_) {
        pipes_.clear();
        listener_.reset();
        ::usleep(1000);
        continue;
      }
      std::vector<pollfd> descriptors = {{listener_.get(), POLLIN, 0}};
      for (auto& pipe : pipes_) {
        for (int side = 0; side < 2; ++side) {
          const bool reads = pipe.waiting[1 - side].empty() && !held_;
          const bool writes = !pipe.waiting[side].empty() && !held_;
          descriptors.push_back({pipe.ends[side].get(),
                                 static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)),
                                 0});
        }
      }
      ::poll(descriptors.data(), descriptors.size(), 5);
      if (held_) {
        ::usleep(1000);
        continue;
      }
      const bool loses = loses_.exchange(false);
      std::size_t next = 1;
      for (auto& pipe : pipes_) {
        pipe.loses |= loses;
        for (int side = 0; side < 2; ++side, ++next) {
          if (descriptors[next].revents != 0) move(pipe, side);
        }
      }
      pipes_.remove_if([](const Pipe& pipe) { return pipe.dead; });
      if (descriptors[0].revents != 0) accept();
    }
  }

  void accept() {
    Pipe pipe;
    pipe.ends[0].reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    pipe.ends[1].reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(pipe.ends[1].get(), reinterpret_cast<sockaddr*>(&to_), sizeof to_) != 0) return;
    if (habits_.babbles > 0) {
      --habits_.babbles;
      const std::string words(1000, '\xee');
      ::send(pipe.ends[0].get(), words.data(), words.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    pipe.left = bytes_to_next_break();
    pipes_.push_back(std::move(pipe));
  }

  std::uint64_t bytes_to_next_break() {
    if (habits_.most_bytes == 0 || behaves_) return ~std::uint64_t{0};
    return std::uniform_int_distribution<std::uint64_t>(1, habits_.most_bytes)(random_);
  }

  /// Reads at one end, writes at the other.
  void move(Pipe& pipe, int side) {
    auto& waiting = pipe.waiting[1 - side];
    if (waiting.empty()) {
      char bytes[65536];
      const auto got = ::recv(pipe.ends[side].get(), bytes,
                              std::min<std::uint64_t>(sizeof bytes, pipe.left), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) pipe.dead = true;
      if (got > 0 && !(side == 0 && pipe.loses)) {
        waiting.assign(bytes, static_cast<std::size_t>(got));
        if (!behaves_) pipe.left -= static_cast<std::uint64_t>(got);
        const bool changes = cuts_ < habits_.changes;
        if (pipe.left == 0 && (habits_.flips || changes)) {
          waiting.back() = static_cast<char>(~waiting.back());
        }
        if (pipe.left == 0 && changes) {
          behaves_ = ++cuts_ == habits_.changes;
          pipe.left = bytes_to_next_break();
        }
      }
    }
    for (int end = 0; end < 2; ++end) {
      auto& out = pipe.waiting[end];
      if (out.empty()) continue;
      const auto put =
          ::send(pipe.ends[end].get(), out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (put > 0) out.erase(0, static_cast<std::size_t>(put));
    }
    if (pipe.left == 0 && pipe.waiting[0].empty() && pipe.waiting[1].empty()) {
      pipe.dead = true;
      ++cuts_;
    }
  }

  Habits habits_;
  std::mt19937 random_;
  sockaddr_in to_;
  UniqueFd listener_;
  std::string endpoint_;
  std::list<Pipe> pipes_;
  std::atomic<int> cuts_{0};
  std::atomic<bool> behaves_{false};
  std::atomic<bool> held_{false};
  std::atomic<bool> refuses_{false};
  std::atomic<bool> loses_{false};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace mvm::queue
