// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <vector>

#include <mvm/base/records.hpp>
#include <mvm/base/result.hpp>

#include "arguments.hpp"
#include "verb.hpp"

namespace mvm::cli {

/// How messages stand in the streams of `mvm enqueue` and `mvm dequeue`.
struct RecordOptions {
  RecordFormat format = RecordFormat::kLines;
  std::size_t piece = 1;  ///< bytes of a raw message

  [[nodiscard]] RecordCutter cutter() const;
};

/// Adds the options that say it. `reads`: raw messages are read, so their size must be told.
[[nodiscard]] std::vector<Option> with_record_options(std::vector<Option> options, bool reads);

/// kUsage where they do not fit together.
[[nodiscard]] Result<RecordOptions> record_options(const Arguments& arguments, bool reads);

}  // namespace mvm::cli
