// SPDX-License-Identifier: GPL-3.0-or-later
#include "build_cache.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <mvm/base/file.hpp>

#include "eviction.hpp"
#include "key_lock.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxManifestFile = 256_MiB;

/// Results kept for one key: a header that changes for ever must not slow every look-up.
constexpr std::size_t kMaxVariants = 16;

/// Storing may meet an eviction that removes the empty parent folder at the worst moment; the
/// second try makes it again.
constexpr int kStoreTries = 8;

/// A whole result at `folder`, locked; nothing when it is gone, being evicted, or damaged.
std::optional<CacheEntry> open_entry(const fs::path& folder) {
  auto lock = lock_shared(folder);
  if (!lock) return {};
  const auto bytes = read_file(folder / layout::kManifest, kMaxManifestFile);
  if (!bytes) return {};
  auto manifest = Manifest::decode(*bytes);
  if (!manifest) return {};
  // After a power failure a renamed folder may hold a file whose bytes were never written.
  const auto product = stamp_of(folder / manifest->product);
  if (!product || product->size != manifest->product_size) return {};
  return CacheEntry(folder, std::move(*manifest), std::move(lock));
}

/// The results of one key, the most recently used first.
std::vector<fs::path> variants_of(const fs::path& key_folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator at(key_folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    found.emplace_back(fs::last_write_time(at->path(), ignored), at->path());
  }
  std::ranges::sort(found, std::greater{});
  std::vector<fs::path> variants;
  variants.reserve(found.size());
  for (auto& [used, path] : found) variants.push_back(std::move(path));
  return variants;
}

/// Marks the result as used, for eviction; and keeps stamps that are true now, so that the next
/// look-up need not read the files again. A cache that cannot be written stays as it is.
void refresh(const CacheEntry& entry, Freshness freshness) {
  if (freshness == Freshness::kTouched) {
    [[maybe_unused]] const auto written =
        write_file_atomically(entry.folder() / layout::kManifest, entry.manifest().encode());
  }
  ::utimensat(AT_FDCWD, entry.folder().c_str(), nullptr, 0);
}

constexpr const char* folder_name(ResultKind kind) {
  switch (kind) {
    case ResultKind::kProgram:
      return layout::kPrograms;
    case ResultKind::kObject:
      return layout::kObjects;
    case ResultKind::kHeader:
      return layout::kHeaders;
  }
  return layout::kObjects;
}

}  // namespace

WorkFolder::~WorkFolder() {
  if (!lock_) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

BuildCache::BuildCache(fs::path folder, Bytes limit)
    : folder_(std::move(folder) / layout::kVersion), limit_(limit) {}

fs::path BuildCache::lock_file() const {
  return folder_ / layout::kLock;
}

fs::path BuildCache::compilers() const {
  return folder_ / layout::kCompilers;
}

fs::path BuildCache::folder_of(const ResultKey& key) const {
  const auto name = key.digest.hex();
  return folder_ / folder_name(key.kind) / name.substr(0, 2) / name;
}

Error BuildCache::cache_error(std::string_view what) const {
  return {ErrorCode::kCache,
          text("the build cache ", folder_.parent_path().string(), " cannot be used: ", what,
               "; make room and write permission there, or set MVM_CACHE_DIR to another folder")};
}

Result<void> BuildCache::prepare() const {
  // Private: whoever could write here would choose what this user runs.
  if (const auto made = make_folder(folder_, true); !made) {
    return fail(cache_error(made.error().message));
  }
  for (const char* name :
       {layout::kPrograms, layout::kObjects, layout::kHeaders, layout::kWork, layout::kCompilers}) {
    if (::mkdir((folder_ / name).c_str(), 0700) != 0 && errno != EEXIST) {
      return fail(cache_error(system_error(text("create folder ", name)).message));
    }
  }
  return {};
}

std::optional<CacheEntry> BuildCache::find(const ResultKey& key, const JobFolder& job,
                                           FileDigests& digests) const {
  for (const auto& variant : variants_of(folder_of(key))) {
    auto entry = open_entry(variant);
    if (!entry) continue;
    auto manifest = entry->manifest();
    const auto freshness = check(manifest, job, digests);
    if (freshness == Freshness::kStale) continue;
    auto found = std::move(*entry).with(std::move(manifest));
    refresh(found, freshness);
    return found;
  }
  return {};
}

Result<WorkFolder> BuildCache::make_work_folder() const {
  const auto structure = KeyLock::take_structure(lock_file());
  if (!structure) return fail(cache_error(structure.error().message));
  sweep_work(folder_);
  auto path = (folder_ / layout::kWork / "build-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) {
    return fail(cache_error(system_error(text("create ", path)).message));
  }
  UniqueFd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(cache_error(system_error(text("lock ", path)).message));
  }
  return WorkFolder(std::move(path), std::move(lock));
}

void BuildCache::sweep_leftovers() const {
  std::error_code error;
  if (fs::is_empty(folder_ / layout::kWork, error) || error) return;
  if (const auto structure = KeyLock::take_structure(lock_file())) sweep_work(folder_);
}

/// Keeps the cache and the key's results within their limits after one was added. The new result is
/// locked by its owner, so it is not the one to go.
void BuildCache::settle(const fs::path& key_folder, Bytes added) const {
  const auto structure = KeyLock::take_structure(lock_file());
  if (!structure) return;
  const auto variants = variants_of(key_folder);
  for (std::size_t i = kMaxVariants; i < variants.size(); ++i) evict(folder_, variants[i]);
  account(folder_, added, limit_);
}

Result<CacheEntry> BuildCache::store(const ResultKey& key, Manifest manifest,
                                     const fs::path& prepared) const {
  const auto product = stamp_of(prepared / manifest.product);
  if (!product) {
    return fail(ErrorCode::kCompiler, "the compiler reported success but made no ",
                manifest.product,
                "; is there an option among the job's flags that stops it early?");
  }
  manifest.product_size = product->size;
  const auto written = write_file_atomically(prepared / layout::kManifest, manifest.encode());
  if (!written) return fail(cache_error(written.error().message));
  const auto size = disk_usage(prepared);
  auto lock = lock_shared(prepared);
  if (!lock) return fail(cache_error(text(prepared.string(), " cannot be locked")));

  const auto key_folder = folder_of(key);
  const auto target = key_folder / manifest.variant().hex().substr(0, 32);
  for (int tries = 0; tries < kStoreTries; ++tries) {
    std::error_code error;
    fs::create_directories(key_folder, error);
    if (error)
      return fail(cache_error(text("create ", key_folder.string(), ": ", error.message())));
    if (::rename(prepared.c_str(), target.c_str()) == 0) {
      settle(key_folder, size);
      return CacheEntry(target, std::move(manifest), std::move(lock));
    }
    if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOENT) {
      return fail(cache_error(system_error(text("rename to ", target.string())).message));
    }
    if (auto entry = open_entry(target)) return std::move(*entry);
    // What is there is damaged, or went meanwhile: away with it.
    if (const auto structure = KeyLock::take_structure(lock_file())) evict(folder_, target);
  }
  return fail(cache_error(text(target.string(), " cannot be replaced")));
}

}  // namespace mvm::build
