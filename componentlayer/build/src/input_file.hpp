// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <mvm/base/result.hpp>

#include "digest.hpp"

namespace mvm::build {

/// What the file system says of a file without reading it. Equal stamps mean equal content, except
/// for a file that was written in the same tick of the clock as it was stamped (`settled`). The
/// change time is in it because tools can set the modification time back.
struct FileStamp {
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  bool operator==(const FileStamp&) const = default;

  /// False when the file may have been written again since, without a trace in its stamp.
  [[nodiscard]] bool settled(std::int64_t stamped_at_ns) const;
};

/// The stamp of a regular file, or nothing when there is none at `path`.
[[nodiscard]] std::optional<FileStamp> stamp_of(const std::filesystem::path& path);

/// The clock that the kernel stamps files with.
[[nodiscard]] std::int64_t file_clock_ns();

/// A file as it was when it took part in a build.
struct InputFile {
  std::string path;
  FileStamp stamp;  ///< all zero when it could not be trusted later
  Digest digest;
};

/// Remembers the digests of files, so that many units which reach one header hash it once. Checks
/// the stamp at every question. Thread safe.
class FileDigests {
 public:
  /// Errors: kSystem when the file cannot be read.
  [[nodiscard]] Result<InputFile> read(const std::filesystem::path& path);

  /// Takes over what a manifest says of a file, so that it need not be read.
  void remember(const InputFile& file);

 private:
  std::mutex mutex_;
  std::map<std::string, std::pair<FileStamp, Digest>, std::less<>> known_;
};

}  // namespace mvm::build
