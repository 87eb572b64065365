// SPDX-License-Identifier: Apache-2.0
// Sends and receives messages of 8 bytes over a queue from a task to itself, so that a simulator
// can count the instructions of one operation. The task is this process.
//   hot_path_loop OPERATION MESSAGES BATCH
// Counted, while callgrind collects, are the calls named by OPERATION: `send`; `receive_into`;
// `receive`, which gives a value. BATCH messages are sent and then received, again and again.
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mvm/job.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/waiter.hpp>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT  // nobody counts where there is no valgrind
#endif

#include "edge_plan.hpp"

namespace mvm::queue {
namespace {

/// Runs `calls`, and has their instructions counted when they are asked for.
template <typename Calls>
void count_if(bool wanted, Calls&& calls) {
  if (wanted) CALLGRIND_TOGGLE_COLLECT;
  calls();
  if (wanted) CALLGRIND_TOGGLE_COLLECT;
}

void expect(std::uint64_t got, std::uint64_t wanted) {
  if (got == wanted) return;
  std::fprintf(stderr, "hot_path_loop: got message %llu instead of %llu\n",
               static_cast<unsigned long long>(got), static_cast<unsigned long long>(wanted));
  std::exit(1);
}

void pass_messages(Port& out, Port& in, std::string_view operation, std::uint64_t messages,
                   std::uint64_t batch) {
  for (std::uint64_t first = 0; first < messages; first += batch) {
    count_if(operation == "send", [&] {
      for (auto i = first; i < first + batch; ++i) out.send(i);
    });
    if (operation == "receive") {
      count_if(true, [&] {
        for (auto i = first; i < first + batch; ++i) expect(in.receive<std::uint64_t>(), i);
      });
    } else {
      count_if(operation == "receive_into", [&] {
        for (auto i = first; i < first + batch; ++i) {
          std::array<std::uint64_t, 1> got;
          in.receive_into(got);
          expect(got[0], i);
        }
      });
    }
  }
}

int run(char** words) {
  auto arena = Arena::create(plan_of(1, {Edge{0, {0}, {}}}));
  if (!arena) {
    std::fprintf(stderr, "hot_path_loop: %s\n", arena.error().message.c_str());
    return 1;
  }
  set_gate(arena->header(), Gate::kOpen);
  ::setenv("MVM_ARENA", std::to_string(::dup(arena->descriptor())).c_str(), 1);
  ::setenv("MVM_TASK", "0", 1);
  Job job(1, words);
  pass_messages(job.port("out0"), job.port("in0"), words[1], std::stoull(words[2]),
                std::stoull(words[3]));
  return 0;
}

}  // namespace
}  // namespace mvm::queue

int main(int argc, char** argv) {
  if (argc == 4) return mvm::queue::run(argv);
  std::fprintf(stderr, "usage: hot_path_loop OPERATION MESSAGES BATCH\n");
  return 2;
}
