// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "team_mpi.hpp"

/// Swaps blocks with the tasks of a hypercube.
template <typename Value>
class Swap {
 public:
  explicit Swap(int rank) : rank_(rank) {}

  template <typename Keep>
  void operator()(unsigned d, const std::vector<Value>& mine, Keep&& keep) {
    theirs_.resize(mine.size());
    const int bytes = static_cast<int>(mine.size() * sizeof(Value));
    const int partner = rank_ ^ (1 << d);
    MPI_Sendrecv(mine.data(), bytes, MPI_BYTE, partner, kTag, theirs_.data(), bytes, MPI_BYTE,
                 partner, kTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    keep(theirs_.data());
  }

 private:
  static constexpr int kTag = 1;
  int rank_;
  std::vector<Value> theirs_;
};
