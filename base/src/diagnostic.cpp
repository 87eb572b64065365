// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/diagnostic.hpp>

#include <algorithm>
#include <numeric>

#include <mvm/base/text.hpp>

namespace mvm {

std::string Diagnostic::to_string() const {
  return line > 0 ? text(file, ':', line, ": ", message) : text(file, ": ", message);
}

namespace {

/// Levenshtein distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// Who confuses large and small letters means the same word.
std::string lower(std::string_view word) {
  std::string letters(word);
  for (char& c : letters) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return letters;
}

/// Words longer than this are compared by nobody: the table grows with the product of lengths.
constexpr std::size_t kLongestWord = 64;

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > kLongestWord) return {};
  const auto lowered = lower(word);
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 2) + 1;
  for (const auto& candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const auto distance = edit_distance(lowered, lower(candidate));
    const bool is_akin = distance < std::max(word.size(), candidate.size());
    if (is_akin && distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto best = nearest(word, candidates);
  return best.empty() ? std::string() : text(", did you mean '", best, "'?");
}

}  // namespace mvm
