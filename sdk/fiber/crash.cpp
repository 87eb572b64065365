// SPDX-License-Identifier: Apache-2.0
#include "crash.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "newsletter.hpp"
#include "scheduler.hpp"
#include "streams.hpp"

namespace mvm::fiber {
namespace {

using queue::worker::NewsKind;

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

/// The handler's own stack, because the task's may be what has run out.
alignas(16) std::array<std::byte, 64 << 10> signal_stack;

void tell_of_overflow(const Fiber& fiber) {
  std::array<char, 256> words{};
  const int length = std::snprintf(
      words.data(), words.size(),
      "%s: its stack of %zu KiB is used up; give the job more by stack=\"…\" in the profile\n",
      fiber.spec->name.c_str(), fiber.stack.size() >> 10);
  tell_output(fiber.spec->task, NewsKind::kErrors, words.data(),
              std::min(static_cast<std::size_t>(length), words.size() - 1));
}

/// Ends as it would without a handler: the instruction that has faulted is tried again, or the
/// signal that was sent is sent again.
void on_crash(int signal, siginfo_t* info, void*) {
  ::signal(signal, SIG_DFL);
  auto* scheduler = Scheduler::of_this_process();
  if (const auto* running = Scheduler::running()) {
    for (const auto* fiber : scheduler->fibers()) {
      if (fiber->state != State::kEnded) tell_unflushed(*fiber);
    }
    if (signal == SIGSEGV && running->stack.guard_holds(info->si_addr)) tell_of_overflow(*running);
    tell({.task = running->spec->task, .kind = NewsKind::kCrashed, .status = signal});
  }
  if (info->si_code <= 0) ::raise(signal);
}

}  // namespace

void watch_for_crashes() {
  const stack_t stack{.ss_sp = signal_stack.data(), .ss_flags = 0, .ss_size = signal_stack.size()};
  ::sigaltstack(&stack, nullptr);
  struct sigaction action{};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
}

}  // namespace mvm::fiber
