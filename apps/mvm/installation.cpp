// SPDX-License-Identifier: GPL-3.0-or-later
#include "installation.hpp"

#include <unistd.h>

#include <string_view>

namespace mvm::cli {

namespace fs = std::filesystem;

namespace {

/// A program of this installation, by its path from the folder that this one lies in.
Result<fs::path> beside_this(std::string_view what, const fs::path& from_here) {
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(ErrorCode::kSystem, "read /proc/self/exe: ", error.message());
  auto program = (self.parent_path() / from_here).lexically_normal();
  if (::access(program.c_str(), X_OK) == 0) return program;
  return fail(
      ErrorCode::kNotFound, what, ' ', program.string(),
      " is missing; it is built and installed together with mvm, so build or install again");
}

}  // namespace

Result<fs::path> queue_vm_program() {
  return beside_this("the queue VM", "mvmq");
}

Result<fs::path> command_program() {
  return beside_this("the wrapper of plain programs",
                     fs::path("..") / MVM_INSTALL_LIBEXECDIR / "mvm" / "mvm-command");
}

Result<fs::path> fiber_program() {
  return beside_this("the worker that runs fibers",
                     fs::path("..") / MVM_INSTALL_LIBEXECDIR / "mvm" / "mvm-fibers");
}

}  // namespace mvm::cli
