// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "task.hpp"

namespace mvm {
namespace {

std::atomic<queue::EndpointRecord*> terminating_endpoint{nullptr};
std::terminate_handler previous_handler = nullptr;

/// The status of `mvm run` for whatever MVM itself refuses.
constexpr int kRefused = 125;

void say(const char* words) {
  std::fflush(nullptr);
  std::fputs(words, stderr);
  std::fputc('\n', stderr);
  std::fflush(nullptr);
}

void on_terminate() {
  auto* endpoint = terminating_endpoint.load(std::memory_order_acquire);
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
  if (previous_handler != nullptr) previous_handler();
  std::abort();
}

}  // namespace

void install_terminate_handler() {
  const auto current = std::get_terminate();
  if (current == on_terminate) return;
  previous_handler = current;
  std::set_terminate(on_terminate);
}

void set_terminating_endpoint(queue::EndpointRecord* endpoint) {
  terminating_endpoint.store(endpoint, std::memory_order_release);
}

}  // namespace mvm
