// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

namespace mvm::cli {

enum class Finding {
  kPresent,
  kMissing,   ///< something that MVM needs
  kOptional,  ///< missing, but only a named feature needs it
};

/// One thing that this host has or lacks.
struct HostCheck {
  std::string name;
  Finding finding = Finding::kPresent;
  std::string detail;  ///< what was found, or what lacks
  std::string remedy;  ///< how to get it; empty when it is there
};

/// Looks at everything that MVM uses on this host: it tries, rather than guesses from versions.
[[nodiscard]] std::vector<HostCheck> check_host();

}  // namespace mvm::cli
