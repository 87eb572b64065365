// SPDX-License-Identifier: Apache-2.0
#include "folders.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "scheduler.hpp"

namespace {

/// Whose directory is the process's. Only the worker's thread changes it.
const mvm::fiber::Fiber* owner = nullptr;

}  // namespace

namespace mvm::fiber {

void make_directory(Fiber& fiber) {
  if (std::exchange(fiber.has_directory, true)) return;
  ::syscall(SYS_mkdir, fiber.directory.c_str(), 0777);
}

}  // namespace mvm::fiber

void mvm_enter_folder_for(const char* path) {
  if (path != nullptr && path[0] == '/') return;
  auto* fiber = mvm::fiber::Scheduler::running();
  if (fiber == nullptr || fiber == owner) return;
  const int error = errno;
  // Should it be gone, the call that follows fails as it would in a removed directory.
  mvm::fiber::make_directory(*fiber);
  ::syscall(SYS_chdir, fiber->directory.c_str());
  owner = fiber;
  errno = error;
}

void mvm_folder_changed() {
  auto* fiber = mvm::fiber::Scheduler::running();
  if (fiber == nullptr) return;
  char path[PATH_MAX];
  if (::syscall(SYS_getcwd, path, sizeof path) > 0) fiber->directory = path;
  owner = fiber;
}
