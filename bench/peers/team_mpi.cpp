// SPDX-License-Identifier: Apache-2.0
// The same as ../team/team.cpp over MPI.
#include "team_mpi.hpp"

#include <array>

namespace {

constexpr int kTag = 1;

bench::Operation ring(const MpiTeam& team) {
  const int next = (team.rank() + 1) % team.size();
  const int prev = (team.rank() + team.size() - 1) % team.size();
  return {[next, prev, begins = team.rank() == 0] {
            std::uint64_t token = 1;
            const auto send = [&] {
              MPI_Send(&token, 1, MPI_UINT64_T, next, kTag, MPI_COMM_WORLD);
            };
            if (begins) send();
            MPI_Recv(&token, 1, MPI_UINT64_T, prev, kTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            if (!begins) send();
          },
          static_cast<double>(team.size())};
}

/// Neighbours along each side of a square torus: x+, x-, y+, y-.
std::array<int, 4> neighbours(const MpiTeam& team) {
  int side = 1;
  while (side * side < team.size()) ++side;
  const int x = team.rank() % side;
  const int y = team.rank() / side;
  return {y * side + (x + 1) % side, y * side + (x + side - 1) % side, (y + 1) % side * side + x,
          (y + side - 1) % side * side + x};
}

bench::Operation torus(const MpiTeam& team, std::size_t size) {
  return {[to = neighbours(team), edge = std::vector<char>(4 * size, 1),
           halo = std::vector<char>(4 * size), size]() mutable {
    const int bytes = static_cast<int>(size);
    std::array<MPI_Request, 8> requests;
    for (std::size_t i = 0; i < 4; ++i) {  // what goes to x+ comes from x-
      MPI_Irecv(&halo[i * size], bytes, MPI_BYTE, to[i ^ 1], static_cast<int>(i), MPI_COMM_WORLD,
                &requests[i]);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      MPI_Isend(&edge[i * size], bytes, MPI_BYTE, to[i], static_cast<int>(i), MPI_COMM_WORLD,
                &requests[4 + i]);
    }
    MPI_Waitall(8, requests.data(), MPI_STATUSES_IGNORE);
  }};
}

/// A collective operation on doubles: `call(from, to, count)`.
template <typename Call>
auto collective(const MpiTeam& team, Call call) {
  return [&team, call](std::size_t size) {
    const int count = static_cast<int>(size / sizeof(double));
    const auto room = static_cast<std::size_t>(count) * team.count() + 1;
    return bench::Operation{
        [call, count, from = std::vector<double>(room, 1.0),
         to = std::vector<double>(room)]() mutable { call(from.data(), to.data(), count); }};
  };
}

bench::Operations operations(const MpiTeam& team) {
  return {
      {"ring.hop", [&team](std::size_t) { return ring(team); }},
      {"torus.exchange", [&team](std::size_t size) { return torus(team, size); }},
      {"barrier.call",
       collective(team, [](double*, double*, int) { MPI_Barrier(MPI_COMM_WORLD); })},
      {"all_reduce.call", collective(team,
                                     [](double* from, double* to, int count) {
                                       MPI_Allreduce(from, to, count, MPI_DOUBLE, MPI_MAX,
                                                     MPI_COMM_WORLD);
                                     })},
      {"broadcast.call",
       collective(team, [](double* from, double*,
                           int count) { MPI_Bcast(from, count, MPI_DOUBLE, 0, MPI_COMM_WORLD); })},
      {"reduce.call", collective(team,
                                 [](double* from, double* to, int count) {
                                   MPI_Reduce(from, to, count, MPI_DOUBLE, MPI_MAX, 0,
                                              MPI_COMM_WORLD);
                                 })},
      {"scan.call", collective(team,
                               [](double* from, double* to, int count) {
                                 MPI_Scan(from, to, count, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
                               })},
      {"all_gather.call", collective(team,
                                     [](double* from, double* to, int count) {
                                       MPI_Allgather(from, count, MPI_DOUBLE, to, count, MPI_DOUBLE,
                                                     MPI_COMM_WORLD);
                                     })},
      {"all_to_all.call", collective(team,
                                     [](double* from, double* to, int count) {
                                       MPI_Alltoall(from, count, MPI_DOUBLE, to, count, MPI_DOUBLE,
                                                    MPI_COMM_WORLD);
                                     })},
  };
}

}  // namespace

int main(int argc, char** argv) {
  MpiTeam team(argc, argv);
  bench::print_cores(team.index());
  bench::measure_all(team, argv[1], operations(team));
}
