// SPDX-License-Identifier: GPL-3.0-or-later
#include "lingering.hpp"

#include <gtest/gtest.h>

#include <array>

namespace mvm::run {
namespace {

using namespace std::chrono_literals;
namespace control = queue::control;

/// Two machines with a task each, and three open ports on the first; the test plays the queue VMs.
class LingeringTest : public testing::Test {
 protected:
  enum Channel : std::uint64_t { kBetweenTasks, kNear, kFar, kLog, kDebris, kChannels };

  LingeringTest() {
    plan_.outputs = {{"results", 10s}, {"log", 60s}, {"debris", 0s}};
    plan_.wiring.resize(2);
    for (const std::uint32_t m : {0, 1}) plan_.wiring[m].machine = m;
    add(kBetweenTasks, 0, 1, "task[1].in");
    for (const auto* name : {"results", "log", "debris"}) {
      plan_.wiring[0].outside.push_back({name, {}, {}});
    }
    open(kNear, 0, 0);
    open(kFar, 1, 0);
    open(kLog, 0, 1);
    open(kDebris, 1, 2);
  }

  void add(Channel id, std::uint32_t sender, std::uint32_t receiver, const std::string& to) {
    queue::ChannelSpec channel;
    channel.id = id;
    channel.sender_machine = sender;
    channel.receivers = {receiver};
    channel.receiver_machines = {receiver};
    channel.receiver_port = to;
    plan_.wiring[sender].channels.push_back(channel);
    if (receiver != sender) plan_.wiring[receiver].channels.push_back(channel);
  }
  void open(Channel id, std::uint32_t sender, std::size_t port) {
    auto& first = plan_.wiring[0];
    add(id, sender, 0, "outside." + first.outside[port].name);
    first.outside[port].receives.push_back(static_cast<std::uint32_t>(first.channels.size() - 1));
  }

  std::optional<SteadyTime> look(Lingering& lingering, SteadyTime time) {
    std::vector<control::Status> statuses(2);
    for (const std::uint32_t m : {0, 1}) {
      for (const auto& channel : plan_.wiring[m].channels) {
        auto& count = statuses[m].channels.emplace_back();
        count.channel = channel.id;
        if (channel.sender_machine == m) count.enqueued = sent_[channel.id];
        if (channel.receiver_machines.front() == m) count.dequeued = received_[channel.id];
      }
    }
    return lingering.look(statuses, time);
  }

  model::Plan plan_;
  std::array<std::uint64_t, kChannels> sent_{};
  std::array<std::uint64_t, kChannels> received_{};
  const SteadyTime start_ = now();
};

TEST_F(LingeringTest, GoesOnWhileAnyMachinesMessagesWaitAtAnOpenPort) {
  Lingering lingering(plan_);
  sent_[kBetweenTasks] = 7;
  EXPECT_EQ(look(lingering, start_), std::nullopt) << "tasks have no use for it any more";
  sent_[kFar] = 5;
  received_[kFar] = 2;
  sent_[kNear] = received_[kNear] = 9;
  EXPECT_EQ(look(lingering, start_), start_ + 10s);
  const auto waiting = lingering.waiting();
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].name, "results");
  EXPECT_EQ(waiting[0].messages, 3u);
  received_[kFar] = 5;
  EXPECT_EQ(look(lingering, start_ + 1s), std::nullopt);
}

TEST_F(LingeringTest, BeginsAnewOnlyWhenSomethingWasTaken) {
  Lingering lingering(plan_);
  sent_[kNear] = 5;
  EXPECT_EQ(look(lingering, start_), start_ + 10s);
  EXPECT_EQ(look(lingering, start_ + 4s), start_ + 10s);
  received_[kNear] = 1;
  EXPECT_EQ(look(lingering, start_ + 60s), start_ + 70s);
  EXPECT_EQ(look(lingering, start_ + 80s), start_ + 70s) << "and is over";
}

TEST_F(LingeringTest, LastsAsLongAsTheMostPatientOfThePortsThatHoldSomething) {
  Lingering lingering(plan_);
  sent_[kNear] = sent_[kLog] = 1;
  EXPECT_EQ(look(lingering, start_), start_ + 60s);
  EXPECT_EQ(lingering.waiting().size(), 2u);
  received_[kLog] = 1;
  EXPECT_EQ(look(lingering, start_ + 1s), start_ + 11s);
}

TEST_F(LingeringTest, IsNoMatterOfPortsWithoutPatience) {
  sent_[kDebris] = 5;
  Lingering lingering(plan_);
  EXPECT_TRUE(lingering.is_possible());
  EXPECT_EQ(look(lingering, start_), std::nullopt);
  plan_.outputs = {{"debris", 0s}};
  EXPECT_FALSE(Lingering(plan_).is_possible());
}

}  // namespace
}  // namespace mvm::run
