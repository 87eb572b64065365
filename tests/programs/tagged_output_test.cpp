// SPDX-License-Identifier: GPL-3.0-or-later
#include "tagged_output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mvm/base/unique_fd.hpp>

namespace mvm::cli {
namespace {

/// A file in memory to write to, so that no terminal and no pipe is needed.
class TaggedOutputTest : public testing::Test {
 protected:
  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] std::string written() const {
    std::string content(4096, '\0');
    const auto got = ::pread(file_.get(), content.data(), content.size(), 0);
    content.resize(static_cast<std::size_t>(got));
    return content;
  }
  UniqueFd file_{::memfd_create("test", MFD_CLOEXEC)};
};

TEST_F(TaggedOutputTest, TagsEveryLine) {
  TaggedOutput output(true);
  EXPECT_TRUE(output.write(fd(), "cell[3]", 3, "one\ntwo\n\n"));
  EXPECT_EQ(written(), "cell[3]: one\ncell[3]: two\ncell[3]: \n");
}

TEST_F(TaggedOutputTest, ContinuesALineThatComesInPieces) {
  TaggedOutput output(true);
  EXPECT_TRUE(output.write(fd(), "a[0]", 0, "be"));
  EXPECT_TRUE(output.write(fd(), "a[0]", 0, "gin"));
  EXPECT_TRUE(output.write(fd(), "a[0]", 0, "\nnext\n"));
  EXPECT_EQ(written(), "a[0]: begin\na[0]: next\n");
}

TEST_F(TaggedOutputTest, NeverMixesLinesOfTwoTasks) {
  TaggedOutput output(true);
  EXPECT_TRUE(output.write(fd(), "a[0]", 0, "open"));
  EXPECT_TRUE(output.write(fd(), "b[0]", 1, "other\n"));
  EXPECT_TRUE(output.write(fd(), "a[0]", 0, "more\n"));
  EXPECT_EQ(written(), "a[0]: open\nb[0]: other\na[0]: more\n");
}

TEST_F(TaggedOutputTest, EndsTheLastLine) {
  {
    TaggedOutput output(true);
    EXPECT_TRUE(output.write(fd(), "a[0]", 0, "open"));
  }
  EXPECT_EQ(written(), "a[0]: open\n");
}

TEST_F(TaggedOutputTest, PassesBytesOnWithoutTags) {
  TaggedOutput output(false);
  EXPECT_TRUE(output.write(fd(), "a[0]", 0, "x"));
  EXPECT_TRUE(output.write(fd(), "b[0]", 1, std::string_view("\0y\n", 3)));
  EXPECT_EQ(written(), std::string("x\0y\n", 4));
}

TEST_F(TaggedOutputTest, TellsWhenNobodyCanTakeIt) {
  TaggedOutput output(true);
  EXPECT_FALSE(output.write(UniqueFd(::open("/dev/null", O_RDONLY)).get(), "a[0]", 0, "x\n"));
}

/// A pager that waits for its user: Ctrl-C must be heard all the same.
TEST_F(TaggedOutputTest, IsNotKeptByAReaderWhoDoesNotReadWhenTheUserWantsToStop) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const UniqueFd interrupt(::eventfd(1, EFD_CLOEXEC));
  TaggedOutput output(true, interrupt.get());
  EXPECT_TRUE(output.write(writer.get(), "a[0]", 0, "there is room\n"));
  EXPECT_FALSE(output.write(writer.get(), "a[0]", 0, std::string(1 << 20, 'x')));
  EXPECT_TRUE(output.interrupted());
  EXPECT_FALSE(output.write(writer.get(), "a[0]", 0, "no more"));
}

}  // namespace
}  // namespace mvm::cli
