// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>

#include "digest.hpp"

namespace mvm::build {

/// A lock on one key of the cache, between threads and processes: one byte of the cache's lock
/// file, far beyond its end, is locked by an open file description. The kernel frees it however its
/// holder ends, and there is no lock file per key to clean up. Released by the destructor.
class KeyLock {
 public:
  /// Nothing when somebody else has it, or when the lock file cannot be opened.
  [[nodiscard]] static std::optional<KeyLock> try_take(const std::filesystem::path& lock_file,
                                                       const Digest& key);

  /// Waits until it is free. Errors: kInterrupted when `cancel` becomes readable, kTimedOut,
  /// kSystem.
  [[nodiscard]] static Result<KeyLock> take(const std::filesystem::path& lock_file,
                                            const Digest& key, std::chrono::milliseconds limit,
                                            int cancel);

  /// The lock on the cache's own structure: work folders, eviction, the size counter. Held for
  /// short; waits for it.
  [[nodiscard]] static Result<KeyLock> take_structure(const std::filesystem::path& lock_file);

 private:
  explicit KeyLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace mvm::build
