// SPDX-License-Identifier: Apache-2.0

// A bit of everything that passes between tasks, with results that tell to the last bit whether
// something was lost, doubled, damaged, or out of order: rings, collectives, a farm, news for all,
// and alarms of several priorities.

#include <mvm/job.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iomanip>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kBlock = 300;
constexpr std::size_t kLargeBlock = 40'000;  // several fragments
constexpr int kLargeEvery = 16;

struct Order {
  int number;
  double value;
};

std::ofstream open_results() {
  std::ofstream file("results.txt");
  file << std::hexfloat;
  return file;
}

/// Turns its block in the ring, and scales it by what all blocks are.
void cell(mvm::Job& job, int rounds, std::chrono::microseconds pace) {
  std::vector<double> block(kBlock);
  for (std::size_t i = 0; i < kBlock; ++i) {
    block[i] = std::sin(1.0 + static_cast<double>(job.index() * kBlock + i));
  }
  auto results = open_results();
  for (int round = 0; round < rounds; ++round) {
    job.port("next").send(block);
    block = job.port("prev").receive<std::vector<double>>();
    double squares = 0;
    for (const double value : block) squares += value * value;
    const double norm = std::sqrt(job.all_reduce(squares, mvm::sum));
    for (double& value : block) value = std::cos(value / norm + round);
    results << round << ' ' << norm << ' ' << job.scan(block.front(), mvm::sum) << '\n';
    if (round % kLargeEvery == 0) {
      job.port("next").send(std::vector<double>(kLargeBlock, norm + round));
      const auto large = job.port("prev").receive<std::vector<double>>();
      results << large.size() << ' ' << large.back() << '\n';
    }
    if (job.index() == 0 && round == std::min(rounds / 4, 50)) {
      std::puts("well under way");
      std::fflush(stdout);
    }
    std::this_thread::sleep_for(pace);
  }
  for (const double value : job.all_gather(block.back())) results << value << '\n';
}

void source(mvm::Job& job, int rounds, std::chrono::microseconds pace) {
  for (int i = 0; i < rounds; ++i) {
    job.port("work").send(Order{i, std::sqrt(i + 1.0)});
    job.port("news").send("news " + std::to_string(i));
    job.port("alarms").send(i, mvm::Priority{static_cast<std::uint32_t>(i % 4)});
    std::this_thread::sleep_for(pace);
  }
}

void worker(mvm::Job& job) {
  while (auto order = job.port("in").next<Order>()) {
    for (int i = 0; i < 100; ++i) order->value = std::sin(order->value) + order->number;
    job.port("out").send(*order);
  }
}

/// Which worker is done first is chance; what they have done is not.
void sink(mvm::Job& job) {
  std::vector<Order> done;
  while (const auto order = job.port("in").next<Order>()) done.push_back(*order);
  std::sort(done.begin(), done.end(), [](const Order& a, const Order& b) {
    return std::pair(a.number, a.value) < std::pair(b.number, b.value);
  });
  auto results = open_results();
  for (const auto& order : done) results << order.number << ' ' << order.value << '\n';
}

void watcher(mvm::Job& job) {
  auto results = open_results();
  while (const auto news = job.port("in").next<std::string>()) results << *news << '\n';
}

/// How alarms of different levels mix is chance; those of one level keep their order.
void desk(mvm::Job& job) {
  std::map<std::uint32_t, std::vector<int>> of_level;
  while (const auto message = job.port("in").next<mvm::Message>()) {
    of_level[message->priority()].push_back(message->as<int>());
  }
  auto results = open_results();
  for (const auto& [level, alarms] : of_level) {
    for (const int alarm : alarms) results << level << ' ' << alarm << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int rounds = std::stoi(job.arguments().at(0));
  const std::chrono::microseconds pace(std::stoi(job.arguments().at(1)));
  const auto name = job.name().substr(0, job.name().find('['));
  if (name == "cell") cell(job, rounds, pace);
  if (name == "source") source(job, rounds, pace);
  if (name == "worker") worker(job);
  if (name == "sink") sink(job);
  if (name == "watcher") watcher(job);
  if (name == "desk") desk(job);
}
