// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/log.hpp>

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace mvm {
namespace {

LogLevel level_from_environment() {
  const char* value = std::getenv("MVM_LOG");
  const std::string_view word = value == nullptr ? "" : value;
  if (word == "debug") return LogLevel::kDebug;
  if (word == "info") return LogLevel::kInfo;
  if (word == "error") return LogLevel::kError;
  return LogLevel::kWarning;
}

std::string& program_name() {
  static std::string name = "mvm";
  return name;
}

constexpr const char* kLevelWords[] = {"debug: ", "", "warning: ", "error: "};

}  // namespace

bool log_enabled(LogLevel level) {
  static const LogLevel threshold = level_from_environment();
  return level >= threshold;
}

void set_log_name(std::string_view name) {
  program_name() = name;
}

void log_line(LogLevel level, std::string_view message) {
  const auto line = text(program_name(), ": ", kLevelWords[static_cast<int>(level)], message, '\n');
  // One write per line: lines of several processes on one terminal stay whole.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace mvm
