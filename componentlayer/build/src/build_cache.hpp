// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/base/units.hpp>

#include "digest.hpp"
#include "input_file.hpp"
#include "manifest.hpp"

namespace mvm::build {

enum class ResultKind : std::uint8_t { kProgram, kObject, kHeader };

/// What a result is looked up by: everything it was made from that is known beforehand.
struct ResultKey {
  ResultKind kind;
  Digest digest;
};

/// One result in the cache: a folder with a manifest and a product. While this object lives, no
/// process evicts it (a shared lock on the folder). Move only.
class CacheEntry {
 public:
  CacheEntry(std::filesystem::path folder, Manifest manifest, UniqueFd lock)
      : folder_(std::move(folder)), manifest_(std::move(manifest)), lock_(std::move(lock)) {}

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  [[nodiscard]] std::filesystem::path product() const { return folder_ / manifest_.product; }

  /// The same entry with what is known of its inputs now.
  [[nodiscard]] CacheEntry with(Manifest manifest) && {
    return {std::move(folder_), std::move(manifest), std::move(lock_)};
  }

 private:
  std::filesystem::path folder_;
  Manifest manifest_;
  UniqueFd lock_;
};

/// A private folder for one build's intermediate files, removed by the destructor; when the build
/// is killed, by the next build. Its lock tells that it is in use: hand `lock()` to the programs
/// that write into it, and it is in use until the last of them has ended. Move only.
class WorkFolder {
 public:
  WorkFolder(std::filesystem::path path, UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  WorkFolder(WorkFolder&&) = default;
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] int lock() const { return lock_.get(); }

 private:
  std::filesystem::path path_;
  UniqueFd lock_;
};

/// The cache's folder. A result is prepared aside and renamed into place, so that it is there whole
/// or not at all, whoever is killed when. Several objects, threads and processes may share it.
/// The layout is described in docs/build-cache.md.
class BuildCache {
 public:
  BuildCache(std::filesystem::path folder, Bytes limit);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path lock_file() const;
  [[nodiscard]] std::filesystem::path compilers() const;

  /// Makes the folders. A cache that is only read need not be writable. Errors: kCache.
  [[nodiscard]] Result<void> prepare() const;

  /// A result for this key whose inputs are all as they were; marks it as used.
  [[nodiscard]] std::optional<CacheEntry> find(const ResultKey& key, const JobFolder& job,
                                               FileDigests& digests) const;

  /// Makes a work folder and sweeps those that killed builds left. Errors: kCache.
  [[nodiscard]] Result<WorkFolder> make_work_folder() const;

  /// Removes what killed builds left, when there is anything. Costs next to nothing otherwise.
  void sweep_leftovers() const;

  /// Moves `prepared`, a folder inside a work folder that holds the manifest's product, into the
  /// cache; evicts the oldest results when the limit is passed. When another build stored the same
  /// result first, that one is returned. Errors: kCache.
  [[nodiscard]] Result<CacheEntry> store(const ResultKey& key, Manifest manifest,
                                         const std::filesystem::path& prepared) const;

  /// What happened to this cache, with the remedy.
  [[nodiscard]] Error cache_error(std::string_view what) const;

 private:
  void settle(const std::filesystem::path& key_folder, Bytes added) const;
  [[nodiscard]] std::filesystem::path folder_of(const ResultKey& key) const;

  std::filesystem::path folder_;  ///< holds results, work, lock, size
  Bytes limit_;
};

}  // namespace mvm::build
