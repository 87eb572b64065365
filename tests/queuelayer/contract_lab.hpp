// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <mvm/queuelayer/endpoint_numbers.hpp>
#include <mvm/queuelayer/port_writer.hpp>

#include "contract_model.hpp"
#include "linked_machines.hpp"

/// Groups whose queues are of one cell of the contract, and the ends of these queues.
namespace mvm::queue {

/// What the suite has done, for its last line.
struct Tally {
  std::set<std::string> cells;
  std::atomic<std::uint64_t> cases = 0;
  std::atomic<std::uint64_t> messages = 0;
};
inline Tally& tally() {
  static Tally sum;
  return sum;
}

/// Waits for what others are about to do. False when they do not.
template <typename Condition>
bool eventually(Condition&& holds) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    ::usleep(200);
  }
  return true;
}

/// A sending port as a task has it, without the task.
class PortSender {
 public:
  PortSender(LinkedMachine& machine, std::uint32_t task, Kind kind)
      : arena_(machine.arena()),
        kind_(kind),
        bell_(arena_.endpoint(endpoint_number(machine.plan(), task, machine.plan().machine))) {
    auto opened = PortWriter::open(arena_, arena_.list<PortRecord>(bell_.ports)[0],
                                   machine.heap(task), {.rank = rule, .codec = {}});
    if (!opened) throw std::runtime_error(opened.error().message);
    port_ = std::move(*opened);
  }

  [[nodiscard]] MessageTerms terms(std::uint32_t level) const {
    MessageTerms terms{.priority = level};
    if (kind_ == Kind::kDeadline) terms.deadline_ns = kFarAway + level;
    return terms;
  }
  /// Sends if that needs no waiting.
  Offered offer(const Letter& letter) { return offer(letter.bytes(), terms(letter.level)); }
  Offered offer(const std::string& bytes, const MessageTerms& terms) {
    EXPECT_TRUE(port_->aim({.data = bytes.data(), .length = bytes.size(), .terms = terms}));
    if (!port_->ready()) return port_->receivers_closed() ? Offered::kClosed : Offered::kNoRoom;
    return deliver();
  }
  /// Waits for room; and where a full queue fails, tries again until it does not.
  Offered send(const Letter& letter) {
    const auto bytes = letter.bytes();
    for (;;) {
      EXPECT_TRUE(
          port_->aim({.data = bytes.data(), .length = bytes.size(), .terms = terms(letter.level)}));
      Waiter waiter(bell_, arena_.header().clock);
      port_->expect_room(true);
      const bool in_time = waiter.wait(
          [this] { return port_->receivers_closed() || port_->ready(); }, patience_of(arena_));
      port_->expect_room(false);
      if (!in_time) return Offered::kNoRoom;
      const auto sent = deliver();
      if (sent == Offered::kSent || sent == Offered::kClosed) return sent;
      ::sched_yield();
    }
  }
  [[nodiscard]] bool receivers_closed() const { return port_->receivers_closed(); }
  void close() { port_->close(); }

 private:
  /// Later than any test.
  static constexpr std::int64_t kFarAway = 4'000'000'000'000'000'000;

  /// The test's own queue type: the lowest level first.
  static Result<PluginRank> rule(const std::string&) {
    return [](const RankedMessage& message) -> Result<std::int64_t> { return message.priority; };
  }
  Offered deliver() {
    switch (port_->deliver()) {
      case PortWriter::Delivered::kAll:
        ++tally().messages;
        return Offered::kSent;
      case PortWriter::Delivered::kClosed:
        return Offered::kClosed;
      case PortWriter::Delivered::kRefused:
        return Offered::kRefused;
      case PortWriter::Delivered::kTryAgain:
        break;
    }
    return Offered::kNoRoom;
  }

  const Arena& arena_;
  Kind kind_;
  EndpointRecord& bell_;
  std::unique_ptr<PortWriter> port_;
};

/// The queues of one case in a group: a sending task, and those that it sends to.
struct Lane {
  /// A receiving end.
  struct Outlet {
    std::uint32_t edge = 0;
    std::uint32_t task = 0;
    std::uint32_t machine = 0;
    std::unique_ptr<BlockingReceiver> receiver{};
    std::uint64_t received = 0;
    bool ended = false;  ///< the task

    /// A message of a queue whose receivers compete, if there is one now.
    std::optional<std::string> try_receive() {
      Piece piece;
      auto& reader = receiver->reader();
      if (reader.take(piece) != Taken::kPiece) return {};
      std::string bytes(reinterpret_cast<const char*>(piece.data), piece.length);
      reader.give_back(piece.cookie, false);
      ++received;
      return bytes;
    }
  };
  QueueSpec spec;
  std::uint32_t task = 0;              ///< that sends
  std::vector<std::uint32_t> edges{};  ///< two only of kEach
  std::unique_ptr<PortSender> sender{};
  std::vector<Outlet> outlets{};
  bool ended = false;  ///< the sending task
};

/// A group that carries lanes by one transport; each lane has tasks of its own.
class ContractGroup {
 public:
  ContractGroup(const Cell& cell, const std::vector<QueueSpec>& specs) : cell_(cell) {
    for (const auto& spec : specs) add_lane(spec);
    const auto adjust = [this](WiringPlan& plan) { this->adjust(plan); };
    if (cell.crosses()) {
      linked_ = std::make_unique<LinkedGroup>(wire(), machine_of_, edges_, adjust);
    } else {
      auto plan = plan_of_machine(0, machine_of_, {""}, edges_);
      adjust(plan);
      alone_ = std::make_unique<LinkedMachine>(std::move(plan));
    }
    for (auto& lane : lanes_) open(lane);
  }

  Lane& operator[](std::size_t lane) { return lanes_[lane]; }
  std::vector<Lane>& lanes() { return lanes_; }
  [[nodiscard]] std::size_t machines() const { return cell_.crosses() ? 2 : 1; }
  LinkedMachine& machine(std::size_t m) { return alone_ ? *alone_ : (*linked_)[m]; }

  /// What each machine that has an end of a queue counts; the sender's first.
  std::vector<control::ChannelCount> figures(std::uint32_t edge) {
    std::vector<control::ChannelCount> counts{machine(0).figures(edge)};
    const auto& receivers = edges_[edge].receivers;
    if (std::ranges::any_of(receivers, [this](auto task) { return machine_of_[task] == 1; })) {
      counts.push_back(machine(1).figures(edge));
    }
    return counts;
  }
  /// Every queue begins on the first machine, so it has the same number there.
  const ChannelRecord& at_sender(std::uint32_t edge) { return machine(0).arena().channel(edge); }
  /// Messages that lie on a machine, of one queue.
  std::uint64_t there(std::uint32_t edge, std::uint32_t m) { return machine(m).figures(edge).left; }
  /// Waits until the sender's machine counts `count` messages that are not done, and until as many
  /// of them as may be are where they are received.
  bool wait_until_in(const Lane& lane, std::uint64_t count) {
    return eventually([&] {
      return std::ranges::all_of(
          lane.outlets, [&](const Lane::Outlet& outlet) { return is_in(lane, outlet, count); });
    });
  }
  /// Moves the group's clock while nobody waits.
  void advance(Duration time) {
    for (std::size_t m = 0; m < machines(); ++m) {
      machine(m).arena().header().clock.offset_ns -= time.count();
    }
  }

  void end_sender(Lane& lane) {
    if (!std::exchange(lane.ended, true)) machine(0).task_ended(lane.task, false);
  }
  void end_receiver(Lane::Outlet& outlet, bool died) {
    if (!std::exchange(outlet.ended, true)) machine(outlet.machine).task_ended(outlet.task, died);
  }
  void end_receivers(Lane& lane, bool died) {
    for (auto& outlet : lane.outlets) end_receiver(outlet, died);
  }
  /// All tasks end, and the machines tell each other what became of the messages.
  void settle() {
    for (auto& lane : lanes_) {
      end_sender(lane);
      end_receivers(lane, false);
    }
    if (!linked_) return;
    std::thread other([this] { EXPECT_TRUE(machine(1).link().settle(kPatience)); });
    EXPECT_TRUE(machine(0).link().settle(kPatience));
    other.join();
  }

 private:
  static constexpr std::uint32_t kTasksPerLane = 3;

  [[nodiscard]] Wire wire() const {
    switch (cell_.carriage) {
      case Carriage::kTcpWithKeys:
        return Wire::kTcpWithKeys;
      case Carriage::kDirectTcp:
        return Wire::kDirectTcp;
      case Carriage::kTrustedTcp:
        return Wire::kTrustedTcp;
      case Carriage::kIpc:
      case Carriage::kSharedMemory:
        break;
    }
    return Wire::kIpc;
  }

  void add_lane(QueueSpec spec) {
    spec.type = type_of(cell_.kind);
    spec.overflow = cell_.overflow;
    spec.levels = kLevels;
    const auto task = static_cast<std::uint32_t>(lanes_.size()) * kTasksPerLane;
    Lane lane{.spec = spec, .task = task};
    const auto add_edge = [&](std::vector<std::uint32_t> receivers) {
      lane.edges.push_back(static_cast<std::uint32_t>(edges_.size()));
      edges_.push_back({task, std::move(receivers), spec});
    };
    if (cell_.kind == Kind::kEach) {
      add_edge({task + 1});
      add_edge({task + 2});
    } else if (cell_.competes()) {
      add_edge({task + 1, task + 2});
    } else {
      add_edge({task + 1});
    }
    const std::uint32_t away = cell_.crosses() ? 1 : 0;
    const bool apart = cell_.kind == Kind::kSharedApart || cell_.kind == Kind::kEach;
    machine_of_.insert(machine_of_.end(), {0, away, apart ? 0 : away});
    lanes_.push_back(std::move(lane));
  }

  /// What `plan_of_machine` does not know: the rule of custom queues, and ports that lead to
  /// several queues.
  void adjust(WiringPlan& plan) const {
    if (cell_.kind == Kind::kCustom) plan.plugins = {{"the test's own rule", "/nowhere.so"}};
    if (cell_.kind != Kind::kEach) return;
    for (auto& task : plan.tasks) {
      if (task.ports.size() < 2) continue;
      auto& port = task.ports[0];
      port.sends[0].spread = Spread::kEach;
      port.sends[0].channels.push_back(task.ports[1].sends[0].channels[0]);
      task.ports.pop_back();
    }
    for (auto& channel : plan.channels) {
      const auto first = channel.id - channel.id % 2;
      channel.sender_port = channel.sender_port.substr(0, channel.sender_port.find('.')) + ".out" +
                            std::to_string(first);
    }
  }

  void open(Lane& lane) {
    lane.sender = std::make_unique<PortSender>(machine(0), lane.task, cell_.kind);
    for (const auto edge : lane.edges) {
      for (const auto task : edges_[edge].receivers) {
        const auto m = machine_of_[task];
        lane.outlets.push_back({edge, task, m});
        lane.outlets.back().receiver.reset(new BlockingReceiver(machine(m).receiver(edge, task)));
      }
    }
  }

  bool is_in(const Lane& lane, const Lane::Outlet& outlet, std::uint64_t count) {
    if (there(outlet.edge, 0) != count) return false;
    if (outlet.machine == 0) return true;
    // Where receivers compete, a machine is given no more than they can take at once.
    auto most = count;
    if (cell_.kind == Kind::kShared) most = std::min<std::uint64_t>(count, lane.outlets.size());
    if (cell_.kind == Kind::kSharedApart) most = std::min<std::uint64_t>(count, 1);
    return there(outlet.edge, outlet.machine) == most;
  }

  Cell cell_;
  std::vector<Edge> edges_;
  std::vector<std::uint32_t> machine_of_;
  std::unique_ptr<LinkedGroup> linked_;
  std::unique_ptr<LinkedMachine> alone_;
  std::vector<Lane> lanes_;
};

}  // namespace mvm::queue
