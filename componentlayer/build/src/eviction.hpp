// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <mvm/base/unique_fd.hpp>
#include <mvm/base/units.hpp>

namespace mvm::build {

/// The names inside a cache's folder; bumped with the format, so that versions never mix.
namespace layout {
inline constexpr const char* kVersion = "v1";
inline constexpr const char* kPrograms = "programs";    ///< programs/ab/KEY/VARIANT/
inline constexpr const char* kObjects = "objects";      ///< the same, of translation units
inline constexpr const char* kHeaders = "headers";      ///< the same, of precompiled headers
inline constexpr const char* kWork = "work";            ///< of builds that are under way
inline constexpr const char* kCompilers = "compilers";  ///< what is known of each compiler
inline constexpr const char* kLock = "lock";
inline constexpr const char* kSize = "size";
inline constexpr const char* kManifest = "manifest";
}  // namespace layout

/// One result as eviction sees it.
struct StoredResult {
  std::filesystem::path folder;
  std::int64_t used_ns = 0;  ///< last use, by the file clock
  Bytes size;                ///< on the disk
  bool program = false;
};

/// The bytes that the files of one folder take on the disk.
[[nodiscard]] Bytes disk_usage(const std::filesystem::path& folder);

/// Every result of every kind, in no order.
[[nodiscard]] std::vector<StoredResult> list_results(const std::filesystem::path& cache);

/// Opens a result's folder and locks it shared; nothing when it is being evicted or gone.
[[nodiscard]] UniqueFd lock_shared(const std::filesystem::path& folder);

/// Removes a result unless somebody uses it. Call with the structure lock held.
bool evict(const std::filesystem::path& cache, const std::filesystem::path& result);

/// Work folders that nobody has locked. Call with the structure lock held, as for each of these:
/// then nobody can come to lock one.
[[nodiscard]] std::vector<std::filesystem::path> abandoned_work(const std::filesystem::path& cache);

/// Removes work folders that nobody has locked. Call with the structure lock held.
void sweep_work(const std::filesystem::path& cache);

/// Counts `added` bytes; when the sum passes the limit, counts anew and evicts the least recently
/// used results. The counter saves a walk over the whole cache per build; a build killed between
/// storing and counting makes it wrong only until that walk. Call with the structure lock held.
void account(const std::filesystem::path& cache, Bytes added, Bytes limit);

/// Walks over the whole cache and evicts the least recently used results over the limit.
/// Call with the structure lock held.
void evict_over(const std::filesystem::path& cache, Bytes limit);

}  // namespace mvm::build
