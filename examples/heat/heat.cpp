// SPDX-License-Identifier: Apache-2.0

// Heat spreads over a square plate. Each task holds one block of it and steps by Jacobi's method:
// a point's next temperature is the mean of its four neighbours. Before each step the tasks
// exchange the edges of their blocks. Where a block touches the plate's edge it has no port, and
// the temperature beyond stays as it was: hot above, cold elsewhere. A torus has no edge at all:
// there, heat that leaves on one side comes back on the other.

#include <mvm/job.hpp>

#include <cstddef>
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

/// One side of a block, as places in its field: our values there, and the ghost cells beyond, which
/// hold copies of the neighbour's. Both are `length` values that lie `stride` apart.
struct Side {
  mvm::Port* port;  ///< null where the plate ends
  int edge;
  int ghosts;
  int stride;
  int length;
};

/// This task's block of the plate, row by row, with one ghost cell all around.
class Block {
 public:
  Block(Range columns, Range rows, int n)
      : columns_(columns), rows_(rows), stride_(columns.size() + 2) {
    for (int y = rows.begin - 1; y <= rows.end; ++y) {
      for (int x = columns.begin - 1; x <= columns.end; ++x) {
        const bool beyond = x < 0 || x >= n || y >= n;
        field_.push_back(beyond ? kCold : initial(x, y, n));
      }
    }
    next_ = field_;  // where the plate ends, the ghosts stay for ever what they are now
  }

  std::vector<Side> sides(mvm::Job& job) const {
    const int width = columns_.size();
    const int height = rows_.size();
    const int first = stride_ + 1;
    const int last_row = height * stride_ + 1;
    return {{job.find_port("x-"), first, first - 1, stride_, height},
            {job.find_port("x+"), first + width - 1, first + width, stride_, height},
            {job.find_port("y-"), first, first - stride_, 1, width},
            {job.find_port("y+"), last_row, last_row + stride_, 1, width}};
  }

  void send_edge(const Side& side) const {
    auto halo = side.port->loan<double>(static_cast<std::size_t>(side.length));
    const double* from = &field_[static_cast<std::size_t>(side.edge)];
    for (double& value : halo) {
      value = *from;
      from += side.stride;
    }
    side.port->send(std::move(halo));
  }

  void receive_ghosts(const Side& side) {
    const auto halo = side.port->receive<mvm::Message>();
    double* to = &field_[static_cast<std::size_t>(side.ghosts)];
    for (const double value : halo.view<double>()) {
      *to = value;
      to += side.stride;
    }
  }

  void step() {
    for (int y = 1; y <= rows_.size(); ++y) {
      const double* here = field_.data() + y * stride_ + 1;
      double* to = next_.data() + y * stride_ + 1;
      for (int x = 0; x < columns_.size(); ++x, ++here, ++to) {
        *to = 0.25 * (here[-1] + here[1] + here[-stride_] + here[stride_]);
      }
    }
    field_.swap(next_);
  }

  Patch patch() const {
    Patch patch{{columns_.begin, rows_.begin, columns_.size(), rows_.size()}, {}};
    for (int y = 1; y <= rows_.size(); ++y) {
      const auto row = field_.begin() + y * stride_ + 1;
      patch.values.insert(patch.values.end(), row, row + columns_.size());
    }
    return patch;
  }

 private:
  Range columns_;
  Range rows_;
  int stride_;
  std::vector<double> field_;
  std::vector<double> next_;
};

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const int n = std::stoi(job.arguments().at(0));
  const int side = std::stoi(job.arguments().at(1));
  const int steps = std::stoi(job.arguments().at(2));

  Block block(cut(n, side, static_cast<int>(job.coordinates().at(0))),
              cut(n, side, static_cast<int>(job.coordinates().at(1))), n);
  std::vector<Side> sides = block.sides(job);
  std::erase_if(sides, [](const Side& s) { return s.port == nullptr; });

  for (int step = 0; step < steps; ++step) {
    // Everybody sends before anybody receives: no circle of tasks can wait for each other.
    for (const Side& s : sides) block.send_edge(s);
    for (const Side& s : sides) block.receive_ghosts(s);
    block.step();
  }
  job.port("result").send(block.patch());
}
