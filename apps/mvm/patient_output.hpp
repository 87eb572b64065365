// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

namespace mvm::cli {

/// Writes to a reader who may be slow, such as a pager, and waits for it; but not when the user
/// wants to stop. What was written then is lost.
class PatientOutput {
 public:
  /// `interrupt` is readable when the user wants to stop; -1: never.
  explicit PatientOutput(int interrupt = -1) : interrupt_(interrupt) {}

  /// False when nobody reads `fd` any more, or not in time. Then nothing is written ever again.
  [[nodiscard]] bool write(int fd, std::string_view bytes);
  /// It was for the user's wish that it stopped writing.
  [[nodiscard]] bool interrupted() const { return interrupted_; }

 private:
  [[nodiscard]] bool wait_for_room(int fd);

  int interrupt_;
  bool stopped_ = false;
  bool interrupted_ = false;
};

}  // namespace mvm::cli
