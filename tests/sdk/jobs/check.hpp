// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

/// Checks inside of a task: what does not hold is told, and ends the task with status 3.
#define CHECK(condition) \
  check_that(static_cast<bool>(condition), #condition, "does not hold", __FILE__, __LINE__)
#define CHECK_EQUAL(got, wanted) check_equal(got, wanted, #got, __FILE__, __LINE__)
/// The statement throws exactly this kind of exception with exactly these words.
#define CHECK_THROWS(statement, Exception, words)                          \
  do {                                                                     \
    std::string what = "threw nothing";                                    \
    try {                                                                  \
      statement;                                                           \
    } catch (const Exception& problem) {                                   \
      what = problem.what();                                               \
    }                                                                      \
    check_equal(what, std::string(words), #statement, __FILE__, __LINE__); \
  } while (false)

inline void check_that(bool holds, const char* what, const char* how, const char* file, int line) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, how);
  std::exit(3);
}
inline std::string words_of(const std::string& value) {
  return value;
}
template <typename T>
std::string words_of(const T& value) {
  return std::to_string(value);
}
template <typename T, typename U>
void check_equal(const T& got, const U& wanted, const char* what, const char* file, int line) {
  if (got == wanted) return;
  const auto how = "is '" + words_of(got) + "', not '" + words_of(wanted) + "'";
  check_that(false, what, how.c_str(), file, line);
}
