// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mvm {

/// One complaint about a text that a person wrote, at the place where it can be mended.
struct Diagnostic {
  std::string file;     ///< as the user named it
  int line = 0;         ///< from 1; 0 when the whole file is meant
  std::string message;  ///< what is wrong and what to do

  /// "heat.mvm.xml:12: unknown port …"
  [[nodiscard]] std::string to_string() const;
};

/// All complaints of one reading, in the order of file and line.
using Diagnostics = std::vector<Diagnostic>;

/// The candidate nearest to `word` by edit distance, or an empty view when none is near enough to
/// be what the user meant. The view points into `candidates`.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       const std::vector<std::string>& candidates);

/// ", did you mean 'x+'?" or an empty string.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& candidates);

}  // namespace mvm
