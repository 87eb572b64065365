// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>

#include <mvm/base/result.hpp>

namespace mvm::model {

/// A parameter's value. Numbers are doubles: integers are exact up to 2^53.
using Value = std::variant<double, std::string, bool>;

/// The names that an expression may use.
using Scope = std::map<std::string, Value, std::less<>>;

/// Replaces each `${…}` of `words`. Inside stands an arithmetic expression over numeric names
/// (`${side * side}`, with + - * / % ^ comparisons ?: and the usual functions), or the name of one
/// string. A whole number is written without a point. `$${` writes a literal `${`.
/// Errors: kInvalidProfile, with the expression and what is wrong in it.
[[nodiscard]] Result<std::string> expand(std::string_view words, const Scope& scope);

/// True when `words` holds a `${`.
[[nodiscard]] bool has_expression(std::string_view words);

/// The value of one arithmetic expression.
[[nodiscard]] Result<double> evaluate(std::string_view expression, const Scope& scope);

/// Limits: an expression comes from outside.
inline constexpr std::size_t kMaxExpressionLength = 1024;

}  // namespace mvm::model
