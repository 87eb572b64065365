// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <mvm/base/text.hpp>

namespace mvm {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Messages below the level that the environment's MVM_LOG says (debug, info, warning, error) are
/// dropped; without it, those below kWarning. Any thread.
[[nodiscard]] bool log_enabled(LogLevel level);

/// One line on stderr in one write: "mvmq: warning: …". Any thread; never blocks on a lock.
void log_line(LogLevel level, std::string_view message);

/// The word in front of each line; the program's name, set once at start.
void set_log_name(std::string_view name);

template <typename... Pieces>
void log_debug(const Pieces&... pieces) {
  if (log_enabled(LogLevel::kDebug)) log_line(LogLevel::kDebug, text(pieces...));
}
template <typename... Pieces>
void log_info(const Pieces&... pieces) {
  if (log_enabled(LogLevel::kInfo)) log_line(LogLevel::kInfo, text(pieces...));
}
template <typename... Pieces>
void log_warning(const Pieces&... pieces) {
  if (log_enabled(LogLevel::kWarning)) log_line(LogLevel::kWarning, text(pieces...));
}
template <typename... Pieces>
void log_error(const Pieces&... pieces) {
  if (log_enabled(LogLevel::kError)) log_line(LogLevel::kError, text(pieces...));
}

}  // namespace mvm
