// SPDX-License-Identifier: GPL-3.0-or-later
#include "input_file.hpp"

#include <sys/stat.h>

#include <ctime>

namespace mvm::build {
namespace {

/// Longer than a tick of the kernel's file clock on every configuration (10 ms at 100 Hz).
constexpr std::int64_t kTickNs = 20'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

bool FileStamp::settled(std::int64_t stamped_at_ns) const {
  return changed_ns + kTickNs < stamped_at_ns;
}

std::optional<FileStamp> stamp_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return FileStamp{static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
                   nanoseconds(status.st_ctim), status.st_ino, status.st_dev};
}

std::int64_t file_clock_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return nanoseconds(time);
}

Result<InputFile> FileDigests::read(const std::filesystem::path& path) {
  const auto asked_at = file_clock_ns();
  const auto stamp = stamp_of(path);
  if (!stamp) {
    return fail(ErrorCode::kSystem, path.string(), " is gone, or is no regular file");
  }
  {
    const std::scoped_lock lock(mutex_);
    const auto found = known_.find(path.native());
    if (found != known_.end() && found->second.first == *stamp) {
      return InputFile{path.native(), *stamp, found->second.second};
    }
  }
  auto digest = digest_file(path);
  if (!digest) return fail(digest.error());
  if (!stamp->settled(asked_at)) return InputFile{path.native(), FileStamp{}, *digest};
  InputFile file{path.native(), *stamp, *digest};
  remember(file);
  return file;
}

void FileDigests::remember(const InputFile& file) {
  if (file.stamp == FileStamp{}) return;
  const std::scoped_lock lock(mutex_);
  known_.insert_or_assign(file.path, std::pair(file.stamp, file.digest));
}

}  // namespace mvm::build
