// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace mvm {

namespace detail {

inline void append_text(std::string& out, std::string_view piece) {
  out.append(piece);
}
inline void append_text(std::string& out, const char* piece) {
  out.append(piece);
}
inline void append_text(std::string& out, char piece) {
  out.push_back(piece);
}
inline void append_text(std::string& out, bool piece) {
  out.append(piece ? "true" : "false");
}

template <std::integral Number>
void append_text(std::string& out, Number number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

template <std::floating_point Number>
void append_text(std::string& out, Number number) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

}  // namespace detail

/// Joins words and numbers into one string: `text("job ", name, " has ", count, " tasks")`.
/// Numbers are written in the shortest decimal form that reads back to the same value.
template <typename... Pieces>
[[nodiscard]] std::string text(const Pieces&... pieces) {
  std::string out;
  (detail::append_text(out, pieces), ...);
  return out;
}

}  // namespace mvm
