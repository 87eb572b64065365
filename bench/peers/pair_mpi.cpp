// SPDX-License-Identifier: Apache-2.0
// The same as ../micro/pair.cpp over MPI. Streams go in windows, as in the tests of OSU.
#include <mpi.h>

#include <array>

#include "../pair.hpp"

namespace {

constexpr int kTag = 7;

struct Copying {
  static constexpr const char* kName = "copy";
  static constexpr std::size_t kMostAtOnce = 64;
  int partner;
  std::array<MPI_Request, kMostAtOnce> requests{};

  void send(char* data, std::size_t size) {
    MPI_Send(data, static_cast<int>(size), MPI_BYTE, partner, kTag, MPI_COMM_WORLD);
  }
  void receive(char* data, std::size_t size) {
    MPI_Recv(data, static_cast<int>(size), MPI_BYTE, partner, kTag, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
  }
  void stream(char* data, std::size_t size, std::uint64_t count) {
    in_windows(size, count, [&](MPI_Request* request) {
      MPI_Isend(data, static_cast<int>(size), MPI_BYTE, partner, kTag, MPI_COMM_WORLD, request);
    });
  }
  void drain(char* data, std::size_t size, std::uint64_t count) {
    in_windows(size, count, [&](MPI_Request* request) {
      MPI_Irecv(data, static_cast<int>(size), MPI_BYTE, partner, kTag, MPI_COMM_WORLD, request);
    });
  }

 private:
  template <typename Begin>
  void in_windows(std::size_t size, std::uint64_t count, Begin&& begin) {
    const std::uint64_t at_once = size > (std::size_t{4} << 20) ? 4 : kMostAtOnce;
    while (count > 0) {
      const auto some = std::min(count, at_once);
      for (std::uint64_t i = 0; i < some; ++i) begin(&requests[i]);
      MPI_Waitall(static_cast<int>(some), requests.data(), MPI_STATUSES_IGNORE);
      count -= some;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  bench::pin(static_cast<std::size_t>(rank), 2);
  bench::print_cores(static_cast<std::size_t>(rank));
  Copying copying{1 - rank};
  if (rank == 0) {
    bench::lead(argv[1], copying);
  } else {
    bench::follow(copying);
  }
  MPI_Finalize();
}
