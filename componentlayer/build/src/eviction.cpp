// SPDX-License-Identifier: GPL-3.0-or-later
#include "eviction.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <mvm/base/log.hpp>
#include <mvm/base/text.hpp>

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

/// Evicting a little more than needed spares the walk at the next builds.
constexpr std::uint64_t kKeepTenths = 9;

UniqueFd open_folder(const fs::path& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

/// True when `fd` is still what lies at `path`: it may have been moved away before it was locked.
bool lies_at(int fd, const fs::path& path) {
  struct stat opened{};
  struct stat there{};
  return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         opened.st_ino == there.st_ino && opened.st_dev == there.st_dev;
}

/// Folders directly below `path`. A folder that vanishes meanwhile is no error: caches are shared.
std::vector<fs::path> folders_in(const fs::path& path) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_directory(ignored) && !at->is_symlink(ignored)) found.push_back(at->path());
  }
  return found;
}

std::int64_t last_use_ns(const fs::path& folder) {
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return 0;
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

Bytes read_size(const fs::path& cache) {
  Bytes size;
  const UniqueFd fd(::open((cache / layout::kSize).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::pread(fd.get(), &size.count, sizeof size.count, 0) != sizeof size.count) return {};
  return size;
}

/// A counter that cannot be written is wrong until the next walk, which is no reason to fail.
void write_size(const fs::path& cache, Bytes size) {
  const UniqueFd fd(::open((cache / layout::kSize).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (fd && ::pwrite(fd.get(), &size.count, sizeof size.count, 0) != sizeof size.count) {
    log_debug("the size of the build cache ", cache.string(), " could not be noted");
  }
}

}  // namespace

Bytes disk_usage(const fs::path& folder) {
  Bytes size;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    struct stat status{};
    if (::lstat(at->path().c_str(), &status) == 0) {
      size.count += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
  }
  return size;
}

std::vector<StoredResult> list_results(const fs::path& cache) {
  std::vector<StoredResult> results;
  for (const auto* kind : {layout::kPrograms, layout::kObjects, layout::kHeaders}) {
    for (const auto& shelf : folders_in(cache / kind)) {
      for (const auto& key : folders_in(shelf)) {
        for (const auto& variant : folders_in(key)) {
          results.push_back({.folder = variant,
                             .used_ns = last_use_ns(variant),
                             .size = disk_usage(variant),
                             .program = kind == layout::kPrograms});
        }
      }
    }
  }
  return results;
}

UniqueFd lock_shared(const fs::path& folder) {
  auto fd = open_folder(folder);
  if (!fd || ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 || !lies_at(fd.get(), folder)) return {};
  return fd;
}

bool evict(const fs::path& cache, const fs::path& result) {
  const auto fd = open_folder(result);
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return false;
  // Aside first: a reader finds it whole or not at all, and what a killed eviction leaves is swept
  // with the work folders.
  const auto aside =
      cache / layout::kWork / text("evicted-", ::getpid(), '-', result.filename().string());
  if (::rename(result.c_str(), aside.c_str()) != 0) return false;
  std::error_code ignored;
  fs::remove_all(aside, ignored);
  ::rmdir(result.parent_path().c_str());
  ::rmdir(result.parent_path().parent_path().c_str());
  return true;
}

std::vector<fs::path> abandoned_work(const fs::path& cache) {
  auto folders = folders_in(cache / layout::kWork);
  std::erase_if(folders, [](const fs::path& folder) {
    const auto fd = open_folder(folder);
    return !fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
  });
  return folders;
}

void sweep_work(const fs::path& cache) {
  for (const auto& folder : abandoned_work(cache)) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
}

void evict_over(const fs::path& cache, Bytes limit) {
  auto results = list_results(cache);
  Bytes size;
  for (const auto& result : results) size.count += result.size.count;
  if (size > limit) {
    const Bytes keep{limit.count / 10 * kKeepTenths};
    std::ranges::sort(results, {}, &StoredResult::used_ns);
    for (const auto& result : results) {
      if (size <= keep) break;
      if (evict(cache, result.folder)) size.count -= result.size.count;
    }
  }
  write_size(cache, size);
}

void account(const fs::path& cache, Bytes added, Bytes limit) {
  const Bytes size{read_size(cache).count + added.count};
  if (size > limit) {
    evict_over(cache, limit);
  } else {
    write_size(cache, size);
  }
}

}  // namespace mvm::build
