// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "patient_output.hpp"

namespace mvm::cli {

/// Writes what tasks print so that each line tells whose it is: "cell[3]: hello". Lines of
/// different tasks never mix, also when a task's line comes in pieces.
class TaggedOutput {
 public:
  /// Without `tags`, bytes pass as they are. `interrupt` is readable when the user wants to stop;
  /// -1: never.
  explicit TaggedOutput(bool tags, int interrupt = -1);
  ~TaggedOutput() { end_line(); }
  TaggedOutput(const TaggedOutput&) = delete;
  TaggedOutput& operator=(const TaggedOutput&) = delete;

  /// Writes to `fd`, stdout or stderr. `number` chooses the tag's colour. False when nobody reads
  /// `fd` any more, or has not in spite of the user's wish to stop; then nothing is written any
  /// more. Else blocks while the reader does not read.
  [[nodiscard]] bool write(int fd, std::string_view task, std::uint32_t number,
                           std::string_view bytes);

  /// It was the user's wish to stop that ended the writing.
  [[nodiscard]] bool interrupted() const { return output_.interrupted(); }

  /// Ends a line that was left open, before somebody else writes.
  void end_line();

 private:
  [[nodiscard]] std::string tag(int fd, std::string_view task, std::uint32_t number) const;

  PatientOutput output_;
  bool tags_;
  bool colour_output_;
  bool colour_errors_;
  std::string open_task_;  ///< whose line is not ended yet
  int open_fd_ = -1;       ///< where; -1: no line is open
};

}  // namespace mvm::cli
