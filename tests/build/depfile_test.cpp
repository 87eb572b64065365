// SPDX-License-Identifier: GPL-3.0-or-later
#include "depfile.hpp"

#include <gtest/gtest.h>

namespace mvm::build {
namespace {

using Names = std::vector<std::string>;

TEST(Depfile, JoinsContinuedLines) {
  EXPECT_EQ(parse_depfile("a.o: a.cpp \\\n b.hpp \\\n  c.hpp\n"),
            (Names{"a.cpp", "b.hpp", "c.hpp"}));
}

TEST(Depfile, UnescapesBlanksDollarsAndHashes) {
  EXPECT_EQ(parse_depfile("a.o: my\\ job/a\\#1.cpp x$$y.hpp\n"),
            (Names{"my job/a#1.cpp", "x$y.hpp"}));
}

TEST(Depfile, KeepsColonsAndBackslashesOfNames) {
  EXPECT_EQ(parse_depfile("C:x.o: a:b.cpp c\\d.hpp"), (Names{"a:b.cpp", "c\\d.hpp"}));
}

TEST(Depfile, LeavesPhonyTargetsOut) {
  EXPECT_EQ(parse_depfile("p: \\\n /lib/crt1.o \\\n x.o\n\n/lib/crt1.o:\n\nx.o:\n"),
            (Names{"/lib/crt1.o", "x.o"}));
}

TEST(Depfile, OfNothingIsEmpty) {
  EXPECT_TRUE(parse_depfile("").empty());
  EXPECT_TRUE(parse_depfile("no rule here").empty());
  EXPECT_TRUE(parse_depfile("a.o:").empty());
}

}  // namespace
}  // namespace mvm::build
