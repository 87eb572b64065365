// SPDX-License-Identifier: Apache-2.0
#include "command_options.hpp"

#include <string_view>

namespace mvm::command {

namespace {

/// The value of `--name=value`; null for other words.
const char* value_of(const std::string& word, std::string_view option) {
  return word.starts_with(option) ? word.c_str() + option.size() : nullptr;
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& words) {
  Options options;
  auto word = words.begin();
  for (; word != words.end() && *word != "--"; ++word) {
    if (const char* port = value_of(*word, "--stdin=")) {
      options.input_port = port;
    } else if (const char* sending = value_of(*word, "--stdout=")) {
      options.output_port = sending;
    } else if (const char* format = value_of(*word, "--format=")) {
      const auto known = parse_record_format(format);
      if (!known || *known == RecordFormat::kRaw) {
        return fail(ErrorCode::kUsage, "the format '", format, "' is neither lines nor frames");
      }
      options.format = *known;
    } else {
      return fail(ErrorCode::kUsage, "unknown argument '", *word, "'");
    }
  }
  if (words.end() - word < 2) {
    return fail(ErrorCode::kUsage,
                "no command was given; this program is started by mvm for a job with <command>");
  }
  options.line = *++word;
  options.arguments.assign(++word, words.end());
  return options;
}

}  // namespace mvm::command
