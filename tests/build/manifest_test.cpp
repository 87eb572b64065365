// SPDX-License-Identifier: GPL-3.0-or-later
#include "manifest.hpp"

#include "build_fixture.hpp"

namespace mvm::build {
namespace {

class ManifestTest : public BuildTest {
 protected:
  /// A manifest over one header and one path that must stay absent.
  Manifest sample() {
    header_ = write("a.hpp", "int a;\n");
    folder_ = JobFolder({root_ / "job" / "a.cpp"});
    auto input = digests_.read(header_);
    EXPECT_TRUE(input);
    Manifest manifest;
    manifest.product = "cell";
    manifest.product_size = 17;
    manifest.warnings = "a.hpp:1: warning\n";
    manifest.inputs.push_back(*input);
    manifest.inputs.back().path = folder_.portable(header_);
    manifest.absent = {"./inc/a.hpp"};
    return manifest;
  }

  std::filesystem::path header_;
  JobFolder folder_;
  FileDigests digests_;
};

TEST_F(ManifestTest, ReadsBackWhatItWrote) {
  const auto manifest = sample();
  const auto copy = Manifest::decode(manifest.encode());
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->encode(), manifest.encode());
  EXPECT_EQ(copy->inputs.front().path, "./a.hpp");
  EXPECT_EQ(copy->absent.front(), "./inc/a.hpp");
}

TEST_F(ManifestTest, RefusesEveryTruncationAndTrailingBytes) {
  const auto bytes = sample().encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Manifest::decode(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(Manifest::decode(bytes + 'x'));
}

TEST_F(ManifestTest, RefusesAProductThatLeavesItsFolder) {
  auto manifest = sample();
  manifest.product = "../../bin/sh";
  EXPECT_FALSE(Manifest::decode(manifest.encode()));
}

TEST_F(ManifestTest, SeesTheSameSizeEditWithItsTimeSetBack) {
  auto manifest = sample();
  const auto time = std::filesystem::last_write_time(header_);
  write("a.hpp", "int b;\n");
  std::filesystem::last_write_time(header_, time);
  EXPECT_EQ(check(manifest, folder_, digests_), Freshness::kStale);
}

TEST_F(ManifestTest, TakesATouchedFileWithTheSameContent) {
  auto manifest = sample();
  write("a.hpp", "int a;\n");
  EXPECT_EQ(check(manifest, folder_, digests_), Freshness::kTouched);
}

TEST_F(ManifestTest, IsStaleOnceAnAbsentFileAppearsOrAnInputVanishes) {
  auto manifest = sample();
  auto other = manifest;
  write("inc/a.hpp", "");
  EXPECT_EQ(check(manifest, folder_, digests_), Freshness::kStale);
  std::filesystem::remove_all(root_ / "job" / "inc");
  std::filesystem::remove(header_);
  EXPECT_EQ(check(other, folder_, digests_), Freshness::kStale);
}

TEST(JobFolder, IsTheDeepestCommonFolder) {
  const JobFolder folder({"/a/b/c/x.cpp", "/a/b/d/y.cpp"});
  EXPECT_EQ(folder.path(), "/a/b");
  EXPECT_EQ(folder.portable("/a/b/c/x.cpp"), "./c/x.cpp");
  EXPECT_EQ(folder.portable("/a/bc/x.cpp"), "/a/bc/x.cpp");
  EXPECT_EQ(folder.resolve("./c/x.cpp"), "/a/b/c/x.cpp");
}

TEST(JobFolder, SharesNothingWhenItsNameCannotBeMapped) {
  const JobFolder folder({"/a=b/x.cpp"});
  EXPECT_FALSE(folder.relocatable());
  EXPECT_EQ(folder.portable("/a=b/x.cpp"), "/a=b/x.cpp");
}

TEST(Hasher, KeepsPiecesApart) {
  EXPECT_NE(Hasher().add("ab").add("c").finish(), Hasher().add("a").add("bc").finish());
}

}  // namespace
}  // namespace mvm::build
