// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/job.hpp>

#include <cstdint>

/// Tasks of MVM as ../together.hpp wants them.
struct MvmTeam {
  mvm::Team& team;
  std::size_t index() const { return team.index(); }
  std::size_t count() const { return team.count(); }
  void barrier() { team.barrier(); }
  std::uint64_t agree(std::uint64_t value) { return team.broadcast(value); }
};
