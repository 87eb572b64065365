// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/file.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include <mvm/base/unique_fd.hpp>

namespace mvm {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  File() {
    std::string name = (fs::temp_directory_path() / "mvm-file-test-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~File() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(File, ReadsWhatWasWritten) {
  const std::string content("a\0b\n", 4);
  ASSERT_TRUE(write_file_atomically(folder_ / "f", content));
  EXPECT_EQ(read_file(folder_ / "f", 4_B).value(), content);
  ASSERT_TRUE(write_file_atomically(folder_ / "f", ""));
  EXPECT_EQ(read_file(folder_ / "f", 4_B).value(), "");
}

TEST_F(File, LeavesNothingBesideTheFile) {
  ASSERT_TRUE(write_file_atomically(folder_ / "f", "x"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
  // A folder stands where the file should go: the rename fails, the temporary file goes away.
  fs::create_directories(folder_ / "g" / "h");
  EXPECT_FALSE(write_file_atomically(folder_ / "g", "x"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
}

TEST_F(File, NamesTheFileThatCannotBeRead) {
  const auto missing = read_file(folder_ / "none", 1_KiB);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message,
            text("open ", (folder_ / "none").string(), ": No such file or directory"));
  ASSERT_TRUE(write_file_atomically(folder_ / "large", "12345"));
  EXPECT_EQ(read_file(folder_ / "large", 4_B).error().code, ErrorCode::kLimit);
  EXPECT_EQ(read_file(folder_, 1_KiB).error().message,
            text(folder_.string(), " is not a regular file"));
}

TEST_F(File, DoesNotWaitForTheWriterOfAFifo) {
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(read_file(folder_ / "fifo", 1_KiB));
}

TEST_F(File, WritesAllAcrossShortWrites) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const std::string content(1 << 20, 'x');  // many times what a pipe holds
  std::jthread writer([&] {
    EXPECT_TRUE(write_all(write_end.get(), content));
    write_end.reset();
  });
  std::size_t total = 0;
  char buffer[7777];
  for (ssize_t got = 0; (got = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) {
    total += static_cast<std::size_t>(got);
  }
  EXPECT_EQ(total, content.size());
}

TEST_F(File, MakesAFolderThatOnlyItsUserCanEnter) {
  const auto path = folder_ / "run" / "mvm";
  ASSERT_TRUE(make_folder(path, true));
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  EXPECT_TRUE(make_folder(path, true)) << "a second time";
}

TEST_F(File, RefusesAPrivateFolderThatOthersCanEnterOrThatIsALink) {
  const auto open = folder_ / "open";
  fs::create_directory(open);
  fs::permissions(open, fs::perms::all);
  EXPECT_EQ(make_folder(open, true).error().code, ErrorCode::kPermission);
  fs::create_directory_symlink(folder_, folder_ / "link");
  EXPECT_EQ(make_folder(folder_ / "link", true).error().code, ErrorCode::kPermission);
}

TEST_F(File, OwnVariableBeatsXdgBeatsHome) {
  const char* const home = ::getenv("HOME");
  const std::string before = home == nullptr ? "" : home;
  ::unsetenv("MVM_CACHE_DIR");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", "/home/me", 1);
  EXPECT_EQ(cache_folder(), "/home/me/.cache/mvm");
  ::unsetenv("HOME");  // who the user is, the host knows as well
  const passwd* const user = ::getpwuid(::getuid());
  const fs::path known = user != nullptr ? user->pw_dir : "/nonexistent";
  EXPECT_EQ(cache_folder(), known / ".cache/mvm");
  ::setenv("HOME", "/home/me", 1);
  ::setenv("XDG_CACHE_HOME", "relative", 1);  // to be ignored
  EXPECT_EQ(cache_folder(), "/home/me/.cache/mvm");
  ::setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(cache_folder(), "/xdg/mvm");
  ::setenv("MVM_CACHE_DIR", "/own", 1);
  EXPECT_EQ(cache_folder(), "/own");
  ::unsetenv("MVM_CACHE_DIR");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", before.c_str(), 1);
}

}  // namespace
}  // namespace mvm
