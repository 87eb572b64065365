// SPDX-License-Identifier: Apache-2.0
// A task whose heap is full: the memory comes back from whichever port it was sent by. The task is
// this process, in a group that the test makes; its receivers are ends without tasks.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <mvm/job.hpp>

#include "edge_plan.hpp"
#include "queue_ends.hpp"

namespace mvm::queue {
namespace {

constexpr std::size_t kGibibyte = 1 << 30;

/// Task 0 sends to task 1 by six ports: out0 to out5.
class Group {
 public:
  Group() : arena_(make()) {
    sender().heap_size = 4 * kGibibyte;  // less than the plan has for its queues
    set_gate(arena_.header(), Gate::kOpen);
    ::setenv("MVM_ARENA", std::to_string(::dup(arena_.descriptor())).c_str(), 1);
    ::setenv("MVM_TASK", "0", 1);
    char name[] = "task";
    char* words[] = {name, nullptr};
    job_ = std::make_unique<Job>(1, words);
    for (std::uint32_t channel = 0; channel < 6; ++channel) {
      receivers_.push_back(std::make_unique<BlockingReceiver>(arena_, channel, 1));
    }
  }
  Port& port(int number) { return job_->port("out" + std::to_string(number)); }
  Job& job() { return *job_; }
  EndpointRecord& sender() { return arena_.endpoint(0); }

  /// Less than a mebibyte of the heap's four gibibytes is free then. Loans that nobody writes to
  /// take no memory of the host.
  void fill_heap() {
    for (int number = 0; number < 4; ++number) {
      const std::size_t size = number < 3 ? kGibibyte : kGibibyte - (1 << 20);
      port(number).send(port(number).loan<std::byte>(size));
    }
  }
  void receive(int number) {
    Piece piece;
    auto& receiver = *receivers_[static_cast<std::size_t>(number)];
    do {
      ASSERT_EQ(receiver.take(piece), Received::kMessage);
      receiver.reader().give_back(piece.cookie, piece.more);
    } while (piece.more);
  }

 private:
  static Arena make() {
    std::vector<Edge> edges(6, Edge{0, {1}, room_for(4)});
    edges[1].queue.type = QueueType::kPriority;  // a shelf among rings
    edges[5].queue.type = QueueType::kPriority;
    auto arena = Arena::create(plan_of(2, edges));
    if (!arena) throw std::runtime_error(arena.error().message);
    return std::move(*arena);
  }

  Arena arena_;
  std::unique_ptr<Job> job_;
  std::vector<std::unique_ptr<BlockingReceiver>> receivers_;
};

const std::string kMessage(2 << 20, 'm');

TEST(MemoryShortage, EndsByWhatOtherPortsHaveGivenBack) {
  Group group;
  group.fill_heap();
  EXPECT_FALSE(group.port(4).try_send(kMessage));
  for (int number = 0; number < 4; ++number) {
    group.receive(number);
    EXPECT_TRUE(group.port(4 + number % 2).try_send(kMessage)) << number;
    group.receive(4 + number % 2);
    group.port(number).send(group.port(number).loan<std::byte>(kGibibyte - (1 << 20)));
  }
}

TEST(MemoryShortage, WakesTheSenderThatWaitsAtAnotherPort) {
  for (const int number : {4, 5}) {
    Group group;
    group.fill_heap();
    std::thread receives([&] {
      while (group.sender().sleepers == 0) std::this_thread::yield();
      group.receive(1);
    });
    EXPECT_TRUE(group.port(number).send_for(kMessage, kPatience));
    receives.join();
  }
}

TEST(MemoryShortage, WakesTheSenderThatWaitsForALoan) {
  Group group;
  group.fill_heap();
  std::thread receives([&] {
    while (group.sender().sleepers == 0) std::this_thread::yield();
    group.receive(0);
  });
  auto loan = group.port(4).loan<char>(kMessage.size());
  EXPECT_EQ(loan.size(), kMessage.size());
  receives.join();
}

/// Some of its ports have no room and others no memory.
TEST(MemoryShortage, EndsForAnExchangeByWhatAnyPortHasGivenBack) {
  Group group;
  group.fill_heap();
  std::thread receives([&] {
    while (group.sender().sleepers == 0) std::this_thread::yield();
    for (int number = 0; number < 4; ++number) group.receive(number);
  });
  EXPECT_TRUE(group.job().exchange(kMessage).empty());
  receives.join();
  for (int number = 0; number < 6; ++number) group.receive(number);
}

/// Where several threads send, each takes back what was given back at its own ports.
TEST(MemoryShortage, EndsByWhatOtherThreadsTakeBack) {
  Group group;
  std::thread([&] { group.fill_heap(); }).join();
  std::thread other([&] {
    while (group.sender().sleepers == 0) std::this_thread::yield();
    group.receive(0);
    group.port(0).send(1);
  });
  EXPECT_TRUE(group.port(4).send_for(kMessage, kPatience));
  other.join();
}

}  // namespace
}  // namespace mvm::queue
