// SPDX-License-Identifier: GPL-3.0-or-later
#include "installation.hpp"

#include <unistd.h>

namespace mvm::cli {

namespace fs = std::filesystem;

Result<fs::path> queue_vm_program() {
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(ErrorCode::kSystem, "read /proc/self/exe: ", error.message());
  auto program = self.parent_path() / "mvmq";
  if (::access(program.c_str(), X_OK) == 0) return program;
  return fail(ErrorCode::kNotFound, "the queue VM ", program.string(),
              " is missing; it is built and installed beside mvm, so build or install again");
}

}  // namespace mvm::cli
