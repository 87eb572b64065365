// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <mvm/base/result.hpp>

namespace mvm::cli {

/// Something of MVM that outlived whoever was responsible for it.
struct Leak {
  std::string kind;                    ///< "process", "runtime folder", "work folder", "build"
  std::string name;                    ///< pid or path
  std::string detail;                  ///< why it is taken for a leak
  std::function<Result<void>()> mend;  ///< ends or removes it; looks again before it does
};

/// Everything of this user on this host that should not be there. Whatever belongs to a living run
/// is left out, so it may be called at any time.
[[nodiscard]] std::vector<Leak> find_leaks();

}  // namespace mvm::cli
