// SPDX-License-Identifier: GPL-3.0-or-later
#include "report.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include <mvm/model/profile.hpp>

namespace mvm::model {

Diagnostics report(Diagnostics complaints) {
  const auto key = [](const Diagnostic& d) { return std::tie(d.file, d.line, d.message); };
  std::ranges::stable_sort(complaints, {}, key);
  const auto repeated = std::ranges::unique(complaints, {}, key);
  complaints.erase(repeated.begin(), repeated.end());
  if (complaints.size() > kMaxDiagnostics) {
    complaints.resize(kMaxDiagnostics);
    complaints.push_back({complaints.back().file, 0, "and more; mend these first"});
  }
  return complaints;
}

void append(Diagnostics& complaints, Diagnostics more) {
  std::ranges::move(more, std::back_inserter(complaints));
}

}  // namespace mvm::model
