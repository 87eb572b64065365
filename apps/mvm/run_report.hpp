// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>

#include <mvm/run/group_runner.hpp>

namespace mvm::cli {

/// What the user sees of a run while it goes on, and of its result.
class RunReport : public run::GroupObserver {
 public:
  /// The last word: what the run came to and where its run directory is.
  virtual void conclude(const run::GroupOutcome& outcome,
                        const std::filesystem::path& directory) = 0;
};

struct ReportStyle {
  bool json = false;   ///< events on stdout, one object per line
  bool quiet = false;  ///< no progress, no result of a success
  bool tags = true;    ///< "cell[3]: " before each line
  int interrupt = -1;  ///< readable when the user wants to stop
};

/// When stdout or stderr is closed by its reader, the report sends this process SIGTERM, so that
/// the group ends as if the user had interrupted it.
[[nodiscard]] std::unique_ptr<RunReport> make_run_report(const ReportStyle& style);

}  // namespace mvm::cli
