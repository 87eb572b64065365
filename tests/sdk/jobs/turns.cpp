// SPDX-License-Identifier: Apache-2.0
// Waiting on all ports at once, each in turn; and one task with many threads.
#include <atomic>
#include <chrono>
#include <map>
#include <mvm/job.hpp>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"

using namespace std::chrono_literals;

constexpr int kMessages = 32;

/// Sends from one thread for each port, at once.
void sender(mvm::Job& job) {
  std::vector<std::thread> threads;
  for (const char* name : {"a", "b", "c"}) {
    threads.emplace_back([&job, name] {
      for (int n = 0; n < kMessages; ++n) job.port(name).send(n);
    });
  }
  for (auto& thread : threads) thread.join();
  job.port("all").send(1);
  CHECK(job.port("quit").receive<int>() == 1);
}

void receiver(mvm::Job& job) {
  job.port("all").receive<int>();
  // Between machines the channels do not wait for each other.
  const bool all_are_there = job.arguments().at(0) == "1";
  std::map<std::string, int> next;
  for (int n = 0; n < 3 * kMessages; ++n) {
    const auto message = job.receive_any();
    const std::string port(message.port().name());
    CHECK_EQUAL(message.as<int>(), next[port]++);
    if (!all_are_there) continue;
    // In turn: nobody is more than one ahead.
    for (const auto& [name, count] : next) {
      CHECK(count - next[port] <= 1 && next[port] - count <= 1);
    }
    CHECK(next.size() == 3 || n < 3);
  }
  CHECK(!job.try_receive_any());
  const auto before = std::chrono::steady_clock::now();
  CHECK(!job.receive_any_for(20ms));
  CHECK(std::chrono::steady_clock::now() - before >= 20ms);

  // One thread for each port, all of them waiting.
  std::atomic<int> ended = 0;
  std::vector<std::thread> threads;
  for (const char* name : {"a", "b", "c", "all"}) {
    threads.emplace_back([&job, &ended, name] {
      CHECK(!job.port(name).next<int>());
      ++ended;
    });
  }
  job.port("quit").send(1);
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(ended.load(), 4);
  CHECK(!job.next_any());
  CHECK_THROWS(job.receive_any(), mvm::closed,
               "receiver[0]: every sender is gone, nothing more will come");
}

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  job.name() == "sender[0]" ? sender(job) : receiver(job);
}
