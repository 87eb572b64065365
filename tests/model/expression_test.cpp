// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <mvm/model/expression.hpp>

namespace mvm::model {
namespace {

const Scope kScope{{"side", 4.0},   {"index", 3.0},
                   {"count", 16.0}, {"shape", std::string("ring")},
                   {"on", true},    {"third", 1.0 / 3}};

std::string expanded(std::string_view words) {
  const auto value = expand(words, kScope);
  return value ? *value : "error: " + value.error().message;
}

TEST(Expression, WordsWithoutExpressionsStayAsTheyAre) {
  for (const auto* words : {"", "plain", "$", "$5", "a } b", "100%", "{x}"}) {
    EXPECT_EQ(expanded(words), words);
  }
}

TEST(Expression, WholeNumbersAreWrittenWithoutAPoint) {
  EXPECT_EQ(expanded("${side * side}"), "16");
  EXPECT_EQ(expanded("${side / 2}"), "2");
  EXPECT_EQ(expanded("${-side}"), "-4");
  EXPECT_EQ(expanded("${2 ^ 53}"), "9007199254740992");
  EXPECT_EQ(expanded("${1 / 4}"), "0.25");
  EXPECT_EQ(expanded("${-1 * 0}"), "0");
}

TEST(Expression, SeveralStandInOneText) {
  EXPECT_EQ(expanded("a${index - 1}b${index + 1}c"), "a2b4c");
}

TEST(Expression, KnowsTheOperators) {
  EXPECT_EQ(expanded("${1 + 2 * 3 ^ 2}"), "19");
  EXPECT_EQ(expanded("${2 ^ 3 ^ 2}"), "512");
  EXPECT_EQ(expanded("${(index + 1) % count}"), "4");
  EXPECT_EQ(expanded("${-7 % 3}"), "-1");
  EXPECT_EQ(expanded("${side > 3 && index != 4 ? 10 : 20}"), "10");
  EXPECT_EQ(expanded("${side < 3 || !on ? 10 : 20}"), "20");
  EXPECT_EQ(expanded("${side >= 4}${side <= 3}${side == 4}"), "101");
  EXPECT_EQ(expanded("${min(side, 2) + max(1, 2, 3) + floor(7 / 2) + ceil(0.2) + round(2.5)}"),
            "12");
  EXPECT_EQ(expanded("${true + false}"), "1");
}

TEST(Expression, OnlyTheTakenBranchIsEvaluated) {
  EXPECT_EQ(expanded("${index == 3 ? 1 : 1 / (index - 3)}"), "1");
}

TEST(Expression, AStringOrBoolStandsForItself) {
  EXPECT_EQ(expanded("${shape}s and ${ shape }"), "rings and ring");
  EXPECT_EQ(expanded("${on}"), "true");
}

TEST(Expression, ADoubledDollarIsLiteral) {
  EXPECT_EQ(expanded("$${side}"), "${side}");
  EXPECT_EQ(expanded("$${side} ${side}"), "${side} 4");
  EXPECT_FALSE(has_expression("$${side}"));
  EXPECT_TRUE(has_expression("$${side} ${side}"));
}

TEST(Expression, MistakesAreNamed) {
  EXPECT_EQ(expanded("${sid}"), "error: in '${sid}': unknown name 'sid', did you mean 'side'?");
  EXPECT_EQ(expanded("${shape + 1}"),
            "error: in '${shape + 1}': 'shape' is a string; a string stands alone: ${shape}");
  EXPECT_EQ(expanded("${1 / 0}"), "error: in '${1 / 0}': division by zero");
  EXPECT_EQ(expanded("${1 % 0}"), "error: in '${1 % 0}': division by zero");
  EXPECT_EQ(expanded("${sqrt(-1)}"), "error: in '${sqrt(-1)}': the result is not a finite number");
  EXPECT_EQ(expanded("${}"), "error: in '${}': the expression is empty");
  EXPECT_EQ(expanded("${1 +}"), "error: in '${1 +}': the expression ends too early");
  EXPECT_EQ(expanded("${1 + ]}"), "error: in '${1 + ]}': cannot read ']'");
  EXPECT_EQ(expanded("${side = 1}"), "error: in '${side = 1}': cannot read '='");
  EXPECT_EQ(expanded("${1"), "error: '${1' has no closing '}'; write $${ for a literal ${");
}

TEST(Expression, HasLimits) {
  EXPECT_EQ(evaluate(std::string(kMaxExpressionLength + 1, '1'), kScope).error().code,
            ErrorCode::kLimit);
  const Scope long_words{{"s", std::string(kMaxExpandedLength / 2 + 1, 'x')}};
  EXPECT_TRUE(expand("${s}", long_words));
  EXPECT_EQ(expand("${s}${s}", long_words).error().code, ErrorCode::kLimit);
}

TEST(Expression, DeepNestingIsAnAnswerOrAnErrorButNoOverflow) {
  const std::string open(500, '(');
  const std::string close(500, ')');
  EXPECT_EQ(evaluate(open + "1" + close, kScope).value_or(0), 1);
  EXPECT_FALSE(evaluate(open + "1", kScope));
}

TEST(Expression, MentionsFindsWholeNamesInsideExpressions) {
  EXPECT_TRUE(mentions("a ${1 + side}", "side"));
  EXPECT_FALSE(mentions("a ${1 + sides}", "side"));
  EXPECT_FALSE(mentions("side", "side"));
  EXPECT_FALSE(mentions("$${side}", "side"));
}

TEST(Expression, FunctionsAndIndexAreReserved) {
  for (const auto* name : {"index", "true", "min", "sqrt", "floor"}) {
    EXPECT_TRUE(is_reserved_name(name)) << name;
  }
  for (const auto* name : {"side", "count", "n", "e"}) EXPECT_FALSE(is_reserved_name(name)) << name;
}

TEST(Expression, ThreadsDoNotDisturbEachOther) {
  std::vector<std::jthread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      const Scope scope{{"x", static_cast<double>(t)}};
      for (int i = 0; i < 200; ++i) {
        if (evaluate("x * 2 + 1", scope).value_or(-1) != t * 2 + 1) ++wrong[std::size_t(t)];
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

RC_GTEST_PROP(ExpressionProperty, WholeArithmeticIsExact, (std::int32_t a, std::int32_t b)) {
  const Scope scope{{"a", static_cast<double>(a)}, {"b", static_cast<double>(b)}};
  const auto wide = [](std::int32_t n) { return static_cast<std::int64_t>(n); };
  RC_ASSERT(expand("${a + b}", scope).value() == std::to_string(wide(a) + wide(b)));
  RC_ASSERT(expand("${a - b}", scope).value() == std::to_string(wide(a) - wide(b)));
  if (b != 0) RC_ASSERT(expand("${a % b}", scope).value() == std::to_string(wide(a) % wide(b)));
}

RC_GTEST_PROP(ExpressionProperty, AnyTextGivesAnAnswerOrAnError, (const std::string& words)) {
  const auto value = evaluate(words, kScope);
  RC_ASSERT(value.has_value() || !value.error().message.empty());
}

RC_GTEST_PROP(ExpressionProperty, EscapingKeepsAnyText, (const std::string& words)) {
  std::string escaped;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words.compare(i, 2, "${") == 0) escaped += '$';
    escaped += words[i];
  }
  // "$" before an escaped "${" is the one text that cannot be told apart.
  RC_PRE(words.find("$${") == std::string::npos);
  RC_ASSERT(expand(escaped, kScope).value() == words);
}

}  // namespace
}  // namespace mvm::model
