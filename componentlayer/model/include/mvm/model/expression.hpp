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
/// (`${side * side}`, with + - * / % ^ comparisons && || ! ?: and the usual functions), or the name
/// of one string or bool. A whole number is written without a point; `%` has the sign of the left
/// side, as in C++. `$${` writes a literal `${`.
/// Errors: kInvalidProfile, with the expression and what is wrong in it; kLimit.
[[nodiscard]] Result<std::string> expand(std::string_view words, const Scope& scope);

/// True when `words` holds a `${` that is not escaped.
[[nodiscard]] bool has_expression(std::string_view words);

/// True when an expression in `words` may use `name`. May err towards true.
[[nodiscard]] bool mentions(std::string_view words, std::string_view name);

/// True for names that a parameter cannot have: `index`, `true`, `false`, functions.
[[nodiscard]] bool is_reserved_name(std::string_view name);

/// The value of one arithmetic expression; always finite. Thread safe, like all functions here.
[[nodiscard]] Result<double> evaluate(std::string_view expression, const Scope& scope);

/// Limits: an expression comes from outside.
inline constexpr std::size_t kMaxExpressionLength = 1024;
inline constexpr std::size_t kMaxExpandedLength = 65'536;  ///< a kernel takes arguments of 128 KiB

}  // namespace mvm::model
