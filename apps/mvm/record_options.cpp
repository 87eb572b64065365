// SPDX-License-Identifier: GPL-3.0-or-later
#include "record_options.hpp"

#include <mvm/base/units.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::cli {

RecordCutter RecordOptions::cutter() const {
  return RecordCutter(format, queue::kMaxMessage, piece);
}

std::vector<Option> with_record_options(std::vector<Option> options, bool reads) {
  options.push_back(
      {.name = "format",
       .value = "FORMAT",
       .help = reads ? "lines: a message per line, without its newline (default). frames: the "
                       "length as 32-bit little-endian number, then the bytes. raw: pieces of "
                       "--size bytes."
                     : "lines: a message per line (default). frames: the length as 32-bit "
                       "little-endian number, then the bytes. raw: nothing between messages.",
       .choices = {"lines", "frames", "raw"}});
  if (reads) {
    options.push_back({.name = "size",
                       .value = "SIZE",
                       .help = "Bytes of each message with --format raw, such as 64KiB; the last "
                               "may be shorter."});
  }
  return options;
}

Result<RecordOptions> record_options(const Arguments& arguments, bool reads) {
  RecordOptions options;
  if (arguments.has("format")) options.format = *parse_record_format(arguments.value("format"));
  const bool needs_size = reads && options.format == RecordFormat::kRaw;
  if (needs_size != arguments.has("size")) {
    return fail(ErrorCode::kUsage, needs_size ? "--format raw needs the size of a message: --size"
                                              : "--size belongs to --format raw");
  }
  if (!needs_size) return options;
  const auto size = parse_bytes(arguments.value("size"));
  if (!size) return fail(ErrorCode::kUsage, "--size: ", size.error().message);
  if (size->count == 0 || *size > queue::kMaxMessage) {
    return fail(ErrorCode::kUsage, "--size must be from 1 byte to ", to_string(queue::kMaxMessage));
  }
  options.piece = size->count;
  return options;
}

}  // namespace mvm::cli
