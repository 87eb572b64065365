// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <mvm/queuelayer/channel_ends.hpp>
#include <mvm/queuelayer/endpoint_numbers.hpp>
#include <mvm/queuelayer/line_handover.hpp>
#include <mvm/queuelayer/machine_link.hpp>

#include "edge_plan.hpp"
#include "queue_ends.hpp"

/// Several machines of a group in one process: an arena and a link each, and no tasks but the ends
/// of channels that a test asks for.
namespace mvm::queue {

/// A folder of one's own for sockets, removed at the end.
class SocketFolder {
 public:
  SocketFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "mvm-link-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
    std::filesystem::create_directory(path_ / "group");
    std::filesystem::permissions(path_ / "group", std::filesystem::perms::owner_all);
  }
  ~SocketFolder() { std::filesystem::remove_all(path_); }
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;
  std::string endpoint(std::size_t machine) const {
    return "ipc://" + path_.string() + "/group/" + std::to_string(machine);
  }

 private:
  std::filesystem::path path_;
};

/// A port that was free a moment ago.
inline std::string free_tcp_endpoint() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(fd, generic, length), 0);
  EXPECT_EQ(::getsockname(fd, generic, &length), 0);
  ::close(fd);
  return "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

inline std::string fresh_secret() {
  std::array<unsigned char, 32> bytes;
  EXPECT_EQ(::getentropy(bytes.data(), bytes.size()), 0);
  std::string digits;
  for (const auto byte : bytes) {
    digits.push_back("0123456789abcdef"[byte >> 4]);
    digits.push_back("0123456789abcdef"[byte & 0xf]);
  }
  return digits;
}

/// One machine; its link is opened by `open`.
class LinkedMachine {
 public:
  explicit LinkedMachine(WiringPlan plan) : plan_(std::move(plan)), arena_(*Arena::create(plan_)) {
    EXPECT_TRUE(check(plan_)) << check(plan_).error().message;
    for (std::uint32_t e = 0; e < arena_.endpoint_count(); ++e) {
      heaps_.push_back(
          std::make_unique<SenderHeap>(arena_, arena_.endpoint(e)));
    }
  }
  /// Opens the link and waits until it is connected.
  Result<void> open(std::chrono::milliseconds patience = kPatience) {
    MachineLink::Listener listener;
    listener.connected = [this] {
      was_connected_ = true;
      connected_.set_value(true);
    };
    listener.failed = [this](const Error& error) {
      failure_.set_value(error);
      if (!was_connected_) connected_.set_value(false);
    };
    std::map<std::uint32_t, UniqueFd> sockets;
    for (const auto task : tasks_with_lines_) {
      auto pair = *make_lines_pair();
      sockets[task] = std::move(pair.queue_vm);
      handed_[task] = std::move(pair.task);
    }
    auto link =
        MachineLink::open(plan_, arena_, ends_, patience, std::move(listener), std::move(sockets));
    if (!link) return fail(link.error());
    link_ = std::move(*link);
    if (!connected_.get_future().get()) return fail(failure());
    return {};
  }
  /// Before `open`: these tasks, by their position, can have direct lines.
  void let_have_lines(const std::set<std::uint32_t>& tasks) { tasks_with_lines_ = tasks; }
  /// After all machines are open: the tasks take their lines, which the ends of channels that are
  /// asked for from now on use.
  void take_lines() {
    for (auto& [task, socket] : handed_) {
      while (auto handed = take_line(socket.get())) {
        auto& lines = lines_[task];
        if (!lines) lines = std::make_unique<TaskLines>(arena_, arena_.endpoint(task));
        const LineEnd end{lines.get(), &lines->add(std::move(handed->socket))};
        if (handed->channels.out) line_of_[*handed->channels.out] = end;
        if (handed->channels.in) line_of_[*handed->channels.in] = end;
      }
    }
    link_->begin();
  }
  /// When all ends of channels that have lines are there.
  void start_lines() {
    for (auto& [task, lines] : lines_) lines->start();
  }
  /// The task is gone, and has let go of nothing before.
  void drop_lines(std::uint32_t task) { lines_.erase(task); }
  void break_lines() {
    for (const auto& [channel, end] : line_of_) {
      if (end.line != nullptr) end.line->break_off();
    }
  }
  LineState line(std::uint32_t edge) const {
    return arena_.channel(channel_of(edge)).line.load(std::memory_order_acquire);
  }
  std::uint64_t came_over_line(std::uint32_t edge) const {
    return arena_.channel(channel_of(edge)).line_received.load(std::memory_order_acquire);
  }
  void close() { link_.reset(); }
  /// Why the link gave up.
  Error failure() {
    auto told = failure_.get_future();
    if (told.wait_for(kPatience) != std::future_status::ready) return {};
    return told.get();
  }

  BlockingSender sender(std::uint32_t edge) {
    const auto channel = channel_of(edge);
    return {arena_, channel, *heaps_[arena_.channel(channel).sender], line_of_[channel]};
  }
  BlockingReceiver receiver(std::uint32_t edge, std::uint32_t task) {
    const auto channel = channel_of(edge);
    return {arena_, channel, endpoint_number(plan_, task, plan_.machine), line_of_[channel]};
  }
  /// What a local task sends its large messages from.
  SenderHeap& heap(std::uint32_t task) {
    return *heaps_[endpoint_number(plan_, task, plan_.machine)];
  }
  void task_ended(std::uint32_t task, bool died) {
    ends_.task_ended(endpoint_number(plan_, task, plan_.machine), died);
  }
  MachineLink& link() { return *link_; }
  const Arena& arena() const { return arena_; }
  const WiringPlan& plan() const { return plan_; }
  control::ChannelCount figures(std::uint32_t edge) { return ends_.figures()[channel_of(edge)]; }

 private:
  std::uint32_t channel_of(std::uint32_t edge) const {
    for (std::uint32_t i = 0; i < plan_.channels.size(); ++i) {
      if (plan_.channels[i].id == edge) return i;
    }
    throw std::runtime_error("this machine has no end of edge " + std::to_string(edge));
  }

  WiringPlan plan_;
  Arena arena_;
  ChannelEnds ends_{plan_, arena_};
  std::vector<std::unique_ptr<SenderHeap>> heaps_;
  std::promise<bool> connected_;
  std::atomic<bool> was_connected_ = false;
  std::promise<Error> failure_;
  std::unique_ptr<MachineLink> link_;
  std::set<std::uint32_t> tasks_with_lines_;
  std::map<std::uint32_t, UniqueFd> handed_;
  std::map<std::uint32_t, std::unique_ptr<TaskLines>> lines_;  ///< of tasks
  std::map<std::uint32_t, LineEnd> line_of_;                   ///< of channels
};

/// What carries the channels of a group.
enum class Wire {
  kIpc,          ///< ZeroMQ over unix sockets
  kTcpWithKeys,  ///< ZeroMQ over TCP, with CURVE
  kDirectIpc,    ///< sockets of our own, unix
  kDirectTcp,    ///< sockets of our own, TCP with TLS
  kTrustedTcp,   ///< sockets of our own, TCP without encryption
};
inline constexpr Wire kWires[] = {Wire::kIpc, Wire::kTcpWithKeys, Wire::kDirectIpc,
                                  Wire::kDirectTcp, Wire::kTrustedTcp};
inline std::string name_of(Wire wire) {
  switch (wire) {
    case Wire::kIpc:
      return "Ipc";
    case Wire::kTcpWithKeys:
      return "TcpWithKeys";
    case Wire::kDirectIpc:
      return "DirectIpc";
    case Wire::kDirectTcp:
      return "DirectTcp";
    case Wire::kTrustedTcp:
      return "TrustedTcp";
  }
  return "";
}
inline bool is_direct(Wire wire) {
  return wire == Wire::kDirectIpc || wire == Wire::kDirectTcp || wire == Wire::kTrustedTcp;
}

/// What every machine of a group is told when its channels go over `wire`. `listen[m]` is where
/// machine m listens; `connect[m]` is where the others believe it to be.
inline std::vector<WiringPlan> plans_over(Wire wire, const std::vector<std::uint32_t>& machine_of,
                                          std::vector<Edge> edges,
                                          const std::vector<std::string>& listen,
                                          const std::vector<std::string>& connect) {
  const bool leaves_host = wire != Wire::kIpc && wire != Wire::kDirectIpc;
  const auto secret = leaves_host ? fresh_secret() : std::string();
  for (auto& edge : edges) {
    edge.queue.transport = is_direct(wire) ? Transport::kTcp : Transport::kZmq;
  }
  std::vector<WiringPlan> plans;
  for (std::uint32_t m = 0; m < listen.size(); ++m) {
    auto endpoints = connect;
    endpoints[m] = listen[m];
    auto plan = plan_of_machine(m, machine_of, endpoints, edges, secret);
    if (is_direct(wire)) {
      for (auto& address : plan.machines) address.direct = address.endpoint;
    }
    plan.trusted_network = wire == Wire::kTrustedTcp;
    plans.push_back(std::move(plan));
  }
  return plans;
}

/// All machines of a group, linked. `adjust` has the last word about each machine's plan.
class LinkedGroup {
 public:
  LinkedGroup(Wire wire, const std::vector<std::uint32_t>& machine_of,
              const std::vector<Edge>& edges, const std::function<void(WiringPlan&)>& adjust = {}) {
    const std::size_t count = *std::max_element(machine_of.begin(), machine_of.end()) + 1;
    const bool unix_sockets = wire == Wire::kIpc || wire == Wire::kDirectIpc;
    std::vector<std::string> endpoints;
    for (std::size_t m = 0; m < count; ++m) {
      endpoints.push_back(unix_sockets ? folder_.endpoint(m) : free_tcp_endpoint());
    }
    for (auto& plan : plans_over(wire, machine_of, edges, endpoints, endpoints)) {
      if (adjust) adjust(plan);
      machines_.push_back(std::make_unique<LinkedMachine>(std::move(plan)));
    }
    std::vector<std::thread> openers;
    for (auto& machine : machines_) {
      openers.emplace_back([&machine] {
        const auto opened = machine->open();
        EXPECT_TRUE(opened) << opened.error().message;
      });
    }
    for (auto& opener : openers) opener.join();
  }
  LinkedMachine& operator[](std::size_t machine) { return *machines_[machine]; }

 private:
  SocketFolder folder_;
  std::vector<std::unique_ptr<LinkedMachine>> machines_;
};

}  // namespace mvm::queue
