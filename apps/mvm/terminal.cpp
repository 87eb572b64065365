// SPDX-License-Identifier: GPL-3.0-or-later
#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include <mvm/base/file.hpp>
#include <mvm/base/text.hpp>

namespace mvm::cli {
namespace {

/// Red is left out: it means an error. So are black and white: one of them is the background.
constexpr std::array<std::string_view, 10> kColours = {"32", "33", "34", "35", "36",
                                                       "92", "93", "94", "95", "96"};

void write_stderr(std::string_view words) {
  [[maybe_unused]] const auto written = write_all(STDERR_FILENO, words);
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

bool wants_colour(int fd) {
  if (::isatty(fd) == 0 || is_set("NO_COLOR")) return false;
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::string coloured(std::string_view words, std::uint32_t number) {
  return text("\033[", kColours[number % kColours.size()], "m", words, "\033[0m");
}

ProgressLine::ProgressLine(bool quiet) : visible_(!quiet && ::isatty(STDERR_FILENO) != 0) {}

void ProgressLine::show(std::string_view words) {
  if (!visible_) return;
  write_stderr(text("\r\033[K", words.substr(0, terminal_width() - 1)));
  written_ = true;
}

void ProgressLine::clear() {
  if (!written_) return;
  write_stderr("\r\033[K");
  written_ = false;
}

}  // namespace mvm::cli
