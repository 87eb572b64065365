// SPDX-License-Identifier: Apache-2.0
// The same as ../team/fan.cpp over MPI.
#include "team_mpi.hpp"

namespace {

constexpr int kTag = 1;
constexpr int kBatch = 64;

/// Begins a batch of operations and waits for all of them.
template <typename Begin>
void together(std::vector<MPI_Request>& requests, Begin&& begin) {
  for (std::size_t i = 0; i < requests.size(); ++i) begin(static_cast<int>(i), &requests[i]);
  MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

bench::Operations operations(const MpiTeam& team) {
  const bool is_one = team.rank() == 0;
  const int many = team.size() - 1;
  const auto batch = static_cast<std::size_t>(is_one ? kBatch * many : kBatch);
  const auto worth = static_cast<double>(kBatch * many);
  const auto gather = [=](std::size_t size) {
    return bench::Operation{[=, data = std::vector<char>(size, 1),
                             requests = std::vector<MPI_Request>(batch)]() mutable {
                              together(requests, [&](int, MPI_Request* request) {
                                const int bytes = static_cast<int>(size);
                                if (is_one) {
                                  MPI_Irecv(data.data(), bytes, MPI_BYTE, MPI_ANY_SOURCE, kTag,
                                            MPI_COMM_WORLD, request);
                                } else {
                                  MPI_Isend(data.data(), bytes, MPI_BYTE, 0, kTag, MPI_COMM_WORLD,
                                            request);
                                }
                              });
                            },
                            worth};
  };
  const auto spread = [=](std::size_t size) {
    return bench::Operation{
        [=, data = std::vector<char>(size, 1),
         requests = std::vector<MPI_Request>(batch)]() mutable {
          together(requests, [&](int i, MPI_Request* request) {
            const int bytes = static_cast<int>(size);
            if (is_one) {
              MPI_Isend(data.data(), bytes, MPI_BYTE, 1 + i % many, kTag, MPI_COMM_WORLD, request);
            } else {
              MPI_Irecv(data.data(), bytes, MPI_BYTE, 0, kTag, MPI_COMM_WORLD, request);
            }
          });
        },
        worth};
  };
  return {{"gather.rate", gather}, {"spread.rate", spread}};
}

}  // namespace

int main(int argc, char** argv) {
  MpiTeam team(argc, argv);
  bench::measure_all(team, argv[1], operations(team));
}
