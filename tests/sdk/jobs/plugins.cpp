// SPDX-License-Identifier: Apache-2.0
// A queue whose order and codec are the user's own: the source sends distances in disorder, and the
// sink, which begins when all are there, gets the nearest first.
#include <mvm/job.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "check.hpp"

namespace {

constexpr int kMessages = 200;

/// Its distance, then as many numbers as make it short, long, and longer than the queue's slots.
std::vector<int> message(int distance) {
  std::vector<int> numbers(static_cast<std::size_t>(1 + distance * distance / 4), distance);
  for (std::size_t i = 1; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i) % 100;
  return numbers;
}

void send_all(mvm::Job& job) {
  mvm::Port& out = job.port("out");
  for (int i = 0; i < kMessages; ++i) out.send(message(i * 77 % kMessages));
  // A loan goes the same way, though it cannot lie in the queue.
  auto loan = out.loan<int>(1);
  loan[0] = -1;
  out.send(std::move(loan));
  try {
    out.send(std::string("far"));
    CHECK(!"a message without a distance was sent");
  } catch (const mvm::error& refused) {
    const std::string words = refused.what();
    CHECK(words.find("queue type 'nearest' cannot rank") != std::string::npos);
    CHECK(words.find("source") != std::string::npos);
  }
  job.port("go").send(0);
}

void receive_all(mvm::Job& job, bool in_order) {
  job.port("go").receive<int>();
  std::vector<int> distances;
  while (const auto numbers = job.port("in").next<std::vector<int>>()) {
    distances.push_back(numbers->front());
    if (numbers->front() >= 0) CHECK(*numbers == message(numbers->front()));
  }
  if (!in_order) std::sort(distances.begin(), distances.end());
  CHECK(distances.size() == kMessages + 1);
  for (int i = 0; i <= kMessages; ++i) CHECK(distances[static_cast<std::size_t>(i)] == i - 1);
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  if (job.find_port("out") != nullptr) {
    send_all(job);
  } else {
    receive_all(job, job.arguments().at(0) == "1");
  }
}
