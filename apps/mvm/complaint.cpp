// SPDX-License-Identifier: GPL-3.0-or-later
#include "complaint.hpp"

#include <unistd.h>

#include <string>

#include <mvm/base/file.hpp>
#include <mvm/base/text.hpp>

namespace mvm::cli {

void complain(std::string_view words) {
  std::string out(words);
  if (!out.ends_with('\n')) out += '\n';
  // There is nobody left to tell when stderr is gone.
  [[maybe_unused]] const auto written = write_all(STDERR_FILENO, out);
}

void complain(std::string_view verb, const Error& error) {
  complain(text("mvm ", verb, ": ", error.message));
}

void complain(const Diagnostics& diagnostics) {
  std::string out;
  for (const auto& diagnostic : diagnostics) out += diagnostic.to_string() + '\n';
  if (!out.empty()) complain(out);
}

}  // namespace mvm::cli
