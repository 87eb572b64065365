// SPDX-License-Identifier: GPL-3.0-or-later
#include "build_cache.hpp"

#include <fstream>
#include <optional>

#include "build_fixture.hpp"
#include "eviction.hpp"

namespace mvm::build {
namespace {

namespace fs = std::filesystem;

class BuildCacheTest : public BuildTest {
 protected:
  static ResultKey key(const std::string& name) {
    return {ResultKind::kProgram, Hasher().add(name).finish()};
  }

  /// Stores a product of this content; its inputs are empty.
  Result<CacheEntry> store(const BuildCache& cache, const std::string& name,
                           const std::string& content) {
    const auto work = cache.make_work_folder();
    if (!work) return fail(work.error());
    const auto prepared = work->path() / "prepared";
    EXPECT_TRUE(make_folder(prepared));
    EXPECT_TRUE(write_file_atomically(prepared / "cell", content));
    Manifest manifest;
    manifest.product = "cell";
    return cache.store(key(name), manifest, prepared);
  }

  std::optional<CacheEntry> find(const BuildCache& cache, const std::string& name) {
    return cache.find(key(name), JobFolder(), digests_);
  }

  static std::string content_of(const CacheEntry& entry) {
    return read_file(entry.product(), 1_MiB).value_or("");
  }

  FileDigests digests_;
};

TEST_F(BuildCacheTest, FindsWhatWasStored) {
  const BuildCache cache(settings_.cache, 1_MiB);
  ASSERT_TRUE(cache.prepare());
  EXPECT_FALSE(find(cache, "a"));
  ASSERT_TRUE(store(cache, "a", "content"));
  const auto found = find(cache, "a");
  ASSERT_TRUE(found);
  EXPECT_EQ(content_of(*found), "content");
  EXPECT_FALSE(find(cache, "b"));
}

TEST_F(BuildCacheTest, TheFirstOfTwoEqualResultsStays) {
  const BuildCache cache(settings_.cache, 1_MiB);
  ASSERT_TRUE(cache.prepare());
  const auto first = store(cache, "a", "one");
  const auto second = store(cache, "a", "two");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->product(), first->product());
  EXPECT_EQ(content_of(*second), "one");
}

TEST_F(BuildCacheTest, ADamagedResultIsAMissAndIsReplaced) {
  const BuildCache cache(settings_.cache, 1_MiB);
  ASSERT_TRUE(cache.prepare());
  const auto path = store(cache, "a", "content")->folder();
  for (const auto* part : {"manifest", "cell"}) {
    fs::resize_file(path / part, 3);
    EXPECT_FALSE(find(cache, "a")) << part;
    const auto again = store(cache, "a", "mended");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(content_of(*again), "mended");
  }
}

TEST_F(BuildCacheTest, EvictsTheLeastRecentlyUsedOverTheLimit) {
  const std::string big(100 * 1024, 'x');
  const BuildCache cache(settings_.cache, 400_KiB);
  ASSERT_TRUE(cache.prepare());
  for (const auto* name : {"a", "b", "c"}) ASSERT_TRUE(store(cache, name, big));
  // Uses are ordered by the file clock, which ticks slowly: set them apart.
  const auto used = [&](const char* name, int minutes_ago) {
    fs::last_write_time(find(cache, name)->folder(),
                        fs::file_time_type::clock::now() - std::chrono::minutes(minutes_ago));
  };
  used("a", 1);
  used("b", 3);
  used("c", 2);
  ASSERT_TRUE(store(cache, "d", big));
  EXPECT_FALSE(find(cache, "b"));
  EXPECT_TRUE(find(cache, "a"));
  EXPECT_TRUE(find(cache, "c"));
  EXPECT_TRUE(find(cache, "d"));
  EXPECT_LE(cache_figures(settings_.cache).size, 400_KiB);
  EXPECT_EQ(cache_figures(settings_.cache).programs, 3u);
}

TEST_F(BuildCacheTest, NeverEvictsWhatIsHeld) {
  const std::string big(100 * 1024, 'x');
  const BuildCache cache(settings_.cache, 150_KiB);
  ASSERT_TRUE(cache.prepare());
  auto held = store(cache, "held", big);
  ASSERT_TRUE(held);
  for (const auto* name : {"a", "b", "c"}) ASSERT_TRUE(store(cache, name, big));
  sweep_cache(settings_.cache, 0_B);
  EXPECT_EQ(content_of(*held), big);
  EXPECT_FALSE(find(cache, "a"));
  held = fail(ErrorCode::kCache, "let go");
  sweep_cache(settings_.cache, 0_B);
  EXPECT_FALSE(find(cache, "held"));
  EXPECT_EQ(cache_figures(settings_.cache).programs, 0u);
}

TEST_F(BuildCacheTest, SweepsFoldersThatNobodyHolds) {
  const BuildCache cache(settings_.cache, 1_MiB);
  ASSERT_TRUE(cache.prepare());
  fs::create_directories(work_folder() / "build-abandoned" / "deep");
  const auto held = cache.make_work_folder();
  ASSERT_TRUE(held);
  EXPECT_FALSE(fs::exists(work_folder() / "build-abandoned"));
  const auto other = cache.make_work_folder();
  ASSERT_TRUE(other);
  EXPECT_TRUE(fs::exists(held->path()));
}

TEST_F(BuildCacheTest, KeepsFewResultsPerKey) {
  const BuildCache cache(settings_.cache, 1_GiB);
  ASSERT_TRUE(cache.prepare());
  const auto header = write("a.hpp", "");
  fs::path key_folder;
  for (int i = 0; i < 40; ++i) {
    write("a.hpp", std::to_string(i));
    const auto work = cache.make_work_folder();
    ASSERT_TRUE(work);
    ASSERT_TRUE(make_folder(work->path() / "prepared"));
    ASSERT_TRUE(write_file_atomically(work->path() / "prepared" / "cell", "x"));
    Manifest manifest;
    manifest.product = "cell";
    manifest.inputs.push_back(*digests_.read(header));
    const auto stored = cache.store(key("a"), manifest, work->path() / "prepared");
    ASSERT_TRUE(stored);
    key_folder = stored->folder().parent_path();
  }
  EXPECT_LE(std::distance(fs::directory_iterator(key_folder), {}), 16);
  EXPECT_TRUE(find(cache, "a"));
}

TEST_F(BuildCacheTest, AFolderThatCannotBeMadeIsNamedWithTheRemedy) {
  std::ofstream(root_ / "file") << "not a folder";
  settings_.cache = root_ / "file" / "cache";
  request_.sources = {write("cell.cpp", "int main() {}\n")};
  const auto built = build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kCache);
  EXPECT_NE(built.error().message.find((root_ / "file" / "cache").native()), std::string::npos);
  EXPECT_NE(built.error().message.find("MVM_CACHE_DIR"), std::string::npos);
}

TEST_F(BuildCacheTest, AFolderThatOthersMayWriteIsRefused) {
  fs::create_directories(settings_.cache / "v1");
  fs::permissions(settings_.cache / "v1", fs::perms::all);
  EXPECT_EQ(BuildCache(settings_.cache, 1_MiB).prepare().error().code, ErrorCode::kCache);
}

}  // namespace
}  // namespace mvm::build
