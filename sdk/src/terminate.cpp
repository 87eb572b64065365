// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "task.hpp"

namespace mvm {
namespace {

/// Of the task that is this process.
queue::FiberEnding process_ending;

/// The status of `mvm run` for whatever MVM itself refuses.
constexpr int kRefused = 125;

void say(const char* words) {
  std::fflush(nullptr);
  std::fputs(words, stderr);
  std::fputc('\n', stderr);
  std::fflush(nullptr);
}

/// Set before the task does anything, so before any other thread of it.
queue::FiberEnding& ending() {
  auto* host = queue::FiberHost::of_this_thread();
  return host != nullptr ? host->ending() : process_ending;
}

void on_terminate() {
  auto* endpoint = ending().endpoint;
  if (auto problem = std::current_exception()) {
    try {
      std::rethrow_exception(problem);
    } catch (const closed& end) {
      if (endpoint != nullptr) endpoint->follower.store(1, std::memory_order_release);
      say(end.what());
      ::_exit(EXIT_FAILURE);
    } catch (const error& misuse) {
      say(misuse.what());
      ::_exit(endpoint != nullptr ? EXIT_FAILURE : kRefused);
    } catch (...) {
      // Not ours: let the program end as it would without MVM.
    }
  }
  if (const auto previous = ending().previous_handler) previous();
  std::abort();
}

}  // namespace

void install_terminate_handler() {
  const auto current = std::get_terminate();
  if (current == on_terminate) return;
  ending().previous_handler = current;
  std::set_terminate(on_terminate);
}

void set_terminating_endpoint(queue::EndpointRecord* endpoint) {
  ending().endpoint = endpoint;
}

}  // namespace mvm
