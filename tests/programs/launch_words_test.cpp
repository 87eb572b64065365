// SPDX-License-Identifier: GPL-3.0-or-later
#include "launch_words.hpp"

#include <gtest/gtest.h>

namespace mvm::cli {
namespace {

using Words = std::vector<std::string>;

TEST(SplitWords, CutsAtBlanks) {
  EXPECT_EQ(split_words("").value(), Words{});
  EXPECT_EQ(split_words("  \t ").value(), Words{});
  EXPECT_EQ(split_words(" ssh  node{machine}\tenv ").value(),
            (Words{"ssh", "node{machine}", "env"}));
}

TEST(SplitWords, KeepsBlanksInsideQuotes) {
  EXPECT_EQ(split_words("a 'b c' \"d e\"").value(), (Words{"a", "b c", "d e"}));
  EXPECT_EQ(split_words("x'y z'w").value(), (Words{"xy zw"}));
  EXPECT_EQ(split_words("'' \"\"").value(), (Words{"", ""}));
}

TEST(SplitWords, BackslashKeepsTheNextCharacter) {
  EXPECT_EQ(split_words(R"(a\ b \" "\"" '\')").value(), (Words{"a b", "\"", "\"", "\\"}));
  EXPECT_EQ(split_words("end\\").value(), Words{"end\\"});
}

TEST(SplitWords, ExpandsNothing) {
  EXPECT_EQ(split_words("$HOME * ~ `x`").value(), (Words{"$HOME", "*", "~", "`x`"}));
}

TEST(SplitWords, RefusesAnOpenQuote) {
  EXPECT_EQ(split_words("a 'b").error().message, "the quote ' is not closed in: a 'b");
  EXPECT_EQ(split_words("a \"b").error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace mvm::cli
