// SPDX-License-Identifier: GPL-3.0-or-later
#include "tagged_output.hpp"

#include <unistd.h>

#include <algorithm>

#include <mvm/base/text.hpp>

#include "terminal.hpp"

namespace mvm::cli {

TaggedOutput::TaggedOutput(bool tags, int interrupt)
    : output_(interrupt),
      tags_(tags),
      colour_output_(wants_colour(STDOUT_FILENO)),
      colour_errors_(wants_colour(STDERR_FILENO)) {}

std::string TaggedOutput::tag(int fd, std::string_view task, std::uint32_t number) const {
  auto words = text(task, ":");
  if (fd == STDERR_FILENO ? colour_errors_ : colour_output_) words = coloured(words, number);
  return words + " ";
}

bool TaggedOutput::write(int fd, std::string_view task, std::uint32_t number,
                         std::string_view bytes) {
  if (!tags_) return output_.write(fd, bytes);
  const bool continues = open_fd_ == fd && open_task_ == task;
  if (!continues) end_line();
  const auto words = tag(fd, task, number);
  std::string out;
  out.reserve(bytes.size() + words.size() * 4);
  bool line_begins = !continues;
  while (!bytes.empty()) {
    if (line_begins) out += words;
    const auto length = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    out.append(bytes.substr(0, length));
    line_begins = out.back() == '\n';
    bytes.remove_prefix(length);
  }
  open_fd_ = line_begins ? -1 : fd;
  if (!line_begins) open_task_ = task;
  return output_.write(fd, out);
}

void TaggedOutput::end_line() {
  if (open_fd_ < 0) return;
  [[maybe_unused]] const bool written = output_.write(open_fd_, "\n");
  open_fd_ = -1;
}

}  // namespace mvm::cli
