// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <mvm/base/records.hpp>
#include <mvm/base/result.hpp>

namespace mvm::command {

/// What the wrapper is told, all of it by its planner:
///     [--stdin=PORT] [--stdout=PORT] --format=lines|frames -- LINE [ARGUMENT…]
struct Options {
  std::string input_port;   ///< whose messages become standard input; empty: none
  std::string output_port;  ///< that sends what comes out of standard output; empty: none
  RecordFormat format = RecordFormat::kLines;
  std::string line;                    ///< for `sh -c`
  std::vector<std::string> arguments;  ///< "$1", "$2", … of it
};

/// `words`: those after the program's name. kUsage says what is wrong.
[[nodiscard]] Result<Options> parse_options(const std::vector<std::string>& words);

}  // namespace mvm::command
