// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

#include <mvm/base/result.hpp>

namespace mvm::cli {

/// The queue VM that belongs to this program: `mvmq` in the same folder. kNotFound otherwise.
[[nodiscard]] Result<std::filesystem::path> queue_vm_program();

}  // namespace mvm::cli
