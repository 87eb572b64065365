// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>

namespace mvm::cli {

/// The user's wish to stop, as a descriptor that becomes readable: SIGINT, SIGTERM and SIGHUP are
/// blocked in the whole process from `watch` on; SIGPIPE and SIGXFSZ are ignored. Call it before
/// other threads start. Programs that `spawn` starts have the usual dispositions.
class Interrupt {
 public:
  [[nodiscard]] static Result<Interrupt> watch();

  [[nodiscard]] int descriptor() const { return signals_.get(); }

  /// True when a signal has come and nobody has read it. Does not block.
  [[nodiscard]] bool pending() const;

 private:
  UniqueFd signals_;
};

}  // namespace mvm::cli
