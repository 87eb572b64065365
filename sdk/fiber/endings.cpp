// SPDX-License-Identifier: Apache-2.0

// The calls that end a process end the task alone that makes them. In a thread of a task that is
// not its main one, and in a child that a task has forked, they do what they do elsewhere.

#include <dlfcn.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include <mvm/types.hpp>

#include "scheduler.hpp"
#include "task_body.hpp"

namespace {

using mvm::fiber::Scheduler;
using mvm::queue::worker::NewsKind;

template <typename Function>
Function behind(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

[[noreturn]] MVM_API void exit(int status) noexcept {
  if (mvm::fiber::is_task()) mvm::fiber::exit_task(status);
  behind<void (*)(int)>("exit")(status);
  std::unreachable();
}

[[noreturn]] MVM_API void _exit(int status) {
  if (mvm::fiber::is_task()) mvm::fiber::end_task(NewsKind::kExited, status & 0xff);
  ::syscall(SYS_exit_group, status);
  std::unreachable();
}

[[noreturn]] MVM_API void _Exit(int status) noexcept {
  _exit(status);
}

[[noreturn]] MVM_API void quick_exit(int status) noexcept {
  if (mvm::fiber::is_task()) mvm::fiber::end_task(NewsKind::kExited, status & 0xff);
  behind<void (*)(int)>("quick_exit")(status);
  std::unreachable();
}

[[noreturn]] MVM_API void abort() noexcept {
  if (mvm::fiber::is_task()) mvm::fiber::end_task(NewsKind::kSignalled, SIGABRT);
  behind<void (*)()>("abort")();
  std::unreachable();
}

[[noreturn]] MVM_API void __assert_fail(const char* claim, const char* file, unsigned int line,
                                        const char* function) noexcept {
  const auto* fiber = Scheduler::running();
  std::fprintf(stderr, "%s: %s:%u: %s: Assertion `%s' failed.\n",
               fiber != nullptr ? fiber->spec->name.c_str() : "a thread", file, line,
               function != nullptr ? function : "?", claim);
  abort();
}

/// Of thread_local objects: a task's own are destroyed when it ends, not when the worker does.
MVM_API int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* image) noexcept {
  if (auto* fiber = Scheduler::running()) {
    fiber->thread_exits.push_back({destroy, object});
    return 0;
  }
  static const auto real = behind<int (*)(void (*)(void*), void*, void*)>("__cxa_thread_atexit");
  return real(destroy, object, image);
}

}  // extern "C"

namespace {

/// The real handler of this process: each task has its own.
[[noreturn]] void terminate_task() {
  auto* fiber = Scheduler::running();
  auto handler = fiber != nullptr ? fiber->terminate_handler : nullptr;
  if (handler == nullptr) handler = __gnu_cxx::__verbose_terminate_handler;
  handler();
  abort();
}

}  // namespace

namespace std {

MVM_API terminate_handler set_terminate(terminate_handler handler) noexcept {
  static const auto real =
      behind<terminate_handler (*)(terminate_handler)>("_ZSt13set_terminatePFvvE");
  real(terminate_task);
  auto* fiber = Scheduler::running();
  return fiber != nullptr ? std::exchange(fiber->terminate_handler, handler) : handler;
}

MVM_API terminate_handler get_terminate() noexcept {
  auto* fiber = Scheduler::running();
  const auto handler = fiber != nullptr ? fiber->terminate_handler : nullptr;
  return handler != nullptr ? handler : __gnu_cxx::__verbose_terminate_handler;
}

}  // namespace std
