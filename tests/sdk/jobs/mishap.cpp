// SPDX-License-Identifier: Apache-2.0
// Members that do not play along. The argument says how.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <mvm/job.hpp>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"

namespace {

bool is_last(mvm::Job& job) {
  return job.index() + 1 == job.count();
}

/// The words of the exception that ends this.
template <typename Exception, typename Body>
std::string words_from(Body body) {
  try {
    for (;;) body();
  } catch (const Exception& problem) {
    return problem.what();
  }
}

bool has(const std::string& words, const std::string& part) {
  return words.find(part) != std::string::npos;
}

void call_differently(mvm::Job& job) {
  job.barrier();
  const auto words = words_from<mvm::error>([&] {
    if (is_last(job)) {
      job.all_gather(1);
    } else {
      job.all_reduce(1.0, mvm::max);
    }
  });
  // The others learn it from the last, or from one that learnt it before.
  CHECK(has(words, "operation 2 of team member") || has(words, "ended without calling"));
  const bool names_both = has(words, "all_reduce(max) of 8-byte floating point numbers") &&
                          has(words, "all_gather of 4-byte signed integers");
  CHECK(names_both || has(words, "ended without calling"));
  std::puts(words.c_str());
  // From then on the team is of no use, and says so.
  CHECK(has(words_from<mvm::closed>([&] { job.barrier(); }), "cannot be used any more"));
}

void give_other_lengths(mvm::Job& job) {
  const std::vector<int> mine(is_last(job) ? 7 : 8, 1);
  const auto words = words_from<mvm::error>([&] { job.all_reduce(mine, mvm::sum); });
  CHECK(has(words, "28 bytes") || has(words, "32 bytes") || has(words, "ended without calling"));
  std::puts(words.c_str());
}

/// One dies in the middle; the others are told who.
void lose_one(mvm::Job& job) {
  const auto last = "member[" + std::to_string(job.count() - 1) + "]";
  int rounds = 0;
  const auto words = words_from<mvm::closed>([&] {
    if (is_last(job) && rounds == 100) ::kill(::getpid(), SIGKILL);
    job.all_reduce(std::vector<int>(100, rounds), mvm::sum);
    ++rounds;
  });
  CHECK(rounds >= 99 && rounds <= 100);
  CHECK(has(words, "ended without calling all_reduce(sum) of 4-byte signed integers"));
}

/// One ends well, after its part: what it gave last is there for the others, and no more.
void let_one_go(mvm::Job& job) {
  CHECK(job.all_reduce(1, mvm::sum) == static_cast<int>(job.count()));
  if (is_last(job)) return;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto words = words_from<mvm::closed>([&] { job.barrier(); });
  CHECK(has(words, "ended without calling barrier, operation 2 of team member"));
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const auto how = job.arguments().at(0);
  if (how == "differ") call_differently(job);
  if (how == "lengths") give_other_lengths(job);
  if (how == "die") lose_one(job);
  if (how == "go") let_one_go(job);
}
