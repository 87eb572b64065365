// SPDX-License-Identifier: Apache-2.0

// Heat spreads over a square plate. Each task holds one block of it and steps by Jacobi's method:
// a point's next temperature is the mean of its four neighbours. Before each step the tasks
// exchange the edges of their blocks. Where a block touches the plate's edge it has no port, and
// the temperature beyond stays as it was: hot above, cold elsewhere. A torus has no edge at all:
// there, heat that leaves on one side comes back on the other.

#include <mvm/job.hpp>

#include <string>
#include <utility>
#include <vector>

#include "patch.hpp"

namespace {

constexpr double kCold = 0.0;
constexpr double kHot = 100.0;

/// A hot disc on a cold plate of n x n points, a quarter of n in radius; above the plate it is hot.
double initial(int x, int y, int n) {
  if (y < 0) return kHot;
  const long long dx = 3 * x - n;      // three times the distance from n/3
  const long long dy = 3 * y - 2 * n;  // and from 2n/3: whole numbers, so nothing is rounded
  return 16 * (dx * dx + dy * dy) < 9LL * n * n ? kHot : kCold;
}

/// Part `part` of 0 … n-1 when it is cut into `parts` as equal as can be.
struct Range {
  int begin, end;
  int size() const { return end - begin; }
};
Range cut(int n, int parts, int part) {
  return {n * part / parts, n * (part + 1) / parts};
}

/// One side of a block: the port to the neighbour there, our values next to it, and the ghost
/// cells that hold copies of its values. Both lie `stride` apart in the field.
struct Side {
  mvm::Port* port;
  double* edge;
  double* ghosts;
  int stride;
  int length;
};

void send_edge(const Side& side) {
  auto halo = side.port->loan<double>(static_cast<std::size_t>(side.length));
  const double* from = side.edge;
  for (double& value : halo) {
    value = *from;
    from += side.stride;
  }
  side.port->send(std::move(halo));
}

void receive_ghosts(const Side& side) {
  const auto halo = side.port->receive<mvm::Message>();
  double* to = side.ghosts;
  for (const double value : halo.view<double>()) {
    *to = value;
    to += side.stride;
  }
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int n = std::stoi(job.arguments().at(0));
  const int side = std::stoi(job.arguments().at(1));
  const int steps = std::stoi(job.arguments().at(2));

  const Range columns = cut(n, side, static_cast<int>(job.coordinates().at(0)));
  const Range rows = cut(n, side, static_cast<int>(job.coordinates().at(1)));
  const int width = columns.size();
  const int height = rows.size();

  // The block with one ghost cell all around, row by row.
  const int stride = width + 2;
  std::vector<double> field;
  for (int y = -1; y <= height; ++y) {
    for (int x = -1; x <= width; ++x) {
      const int plate_x = columns.begin + x;
      const int plate_y = rows.begin + y;
      const bool beyond = plate_x < 0 || plate_x >= n || plate_y >= n;
      field.push_back(beyond ? kCold : initial(plate_x, plate_y, n));
    }
  }
  std::vector<double> next = field;

  mvm::Port* const left = job.find_port("x-");  // null at the plate's edge
  mvm::Port* const right = job.find_port("x+");
  mvm::Port* const above = job.find_port("y-");
  mvm::Port* const below = job.find_port("y+");

  for (int step = 0; step < steps; ++step) {
    double* const first = field.data() + stride + 1;
    double* const last_row = first + (height - 1) * stride;
    const Side sides[] = {
        {left, first, first - 1, stride, height},
        {right, first + width - 1, first + width, stride, height},
        {above, first, first - stride, 1, width},
        {below, last_row, last_row + stride, 1, width},
    };
    // Everybody sends before anybody receives: no circle of tasks can wait for each other.
    for (const Side& s : sides) {
      if (s.port != nullptr) send_edge(s);
    }
    for (const Side& s : sides) {
      if (s.port != nullptr) receive_ghosts(s);
    }

    for (int y = 0; y < height; ++y) {
      const double* here = first + y * stride;
      double* to = next.data() + stride + 1 + y * stride;
      for (int x = 0; x < width; ++x, ++here, ++to) {
        *to = 0.25 * (here[-1] + here[1] + here[-stride] + here[stride]);
      }
    }
    field.swap(next);
  }

  Patch patch{{columns.begin, rows.begin, width, height}, {}};
  for (int y = 1; y <= height; ++y) {
    const auto row = field.begin() + y * stride + 1;
    patch.values.insert(patch.values.end(), row, row + width);
  }
  job.port("result").send(patch);
}
