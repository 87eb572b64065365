// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mvm::cli {

/// True when a person sees what is written to `fd` and wants colour: a terminal that can, and
/// neither NO_COLOR nor TERM=dumb.
[[nodiscard]] bool wants_colour(int fd);

/// `words` in one of a few well distinguishable colours, chosen by `number`.
[[nodiscard]] std::string coloured(std::string_view words, std::uint32_t number);

/// One line on stderr that is written over and over; nothing at all when stderr is no terminal.
/// Whoever writes other lines meanwhile clears it first.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(std::string_view words);
  void clear();

 private:
  bool visible_;
  bool written_ = false;
};

}  // namespace mvm::cli
