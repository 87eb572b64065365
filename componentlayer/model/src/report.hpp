// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <mvm/base/diagnostic.hpp>

namespace mvm::model {

/// Complaints as the user sees them: by file and line, each once, at most kMaxDiagnostics and then
/// a line that there are more: nobody counted them.
[[nodiscard]] Diagnostics report(Diagnostics complaints);

void append(Diagnostics& complaints, Diagnostics more);

}  // namespace mvm::model
