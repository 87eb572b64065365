// SPDX-License-Identifier: GPL-3.0-or-later
#include "launch_words.hpp"

namespace mvm::cli {

Result<std::vector<std::string>> split_words(std::string_view command) {
  std::vector<std::string> words;
  bool inside_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char letter = command[i];
    if (quote == 0 && (letter == ' ' || letter == '\t' || letter == '\n')) {
      inside_word = false;
      continue;
    }
    if (!inside_word) words.emplace_back();
    inside_word = true;
    if (letter == quote) {
      quote = 0;
    } else if (quote == 0 && (letter == '\'' || letter == '"')) {
      quote = letter;
    } else if (letter == '\\' && quote != '\'' && i + 1 < command.size()) {
      words.back() += command[++i];
    } else {
      words.back() += letter;
    }
  }
  if (quote != 0) {
    return fail(ErrorCode::kUsage, "the quote ", quote, " is not closed in: ", command);
  }
  return words;
}

}  // namespace mvm::cli
