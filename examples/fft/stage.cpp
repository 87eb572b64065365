// SPDX-License-Identifier: Apache-2.0

// A task of the FFT pipeline. Stage 0 makes the blocks of one transform after the other; each later
// stage does the butterflies of one bit and passes the blocks on, so that every stage works on
// another transform at the same time. in0 and out0 stay in the row, in1 and out1 cross over.

#include <mvm/job.hpp>

#include <cstddef>
#include <string>
#include <utility>

#include "fourier.hpp"
#include "part.hpp"
#include "sweep.hpp"

namespace {

/// Passes blocks on to both tasks of the next stage that need them, or out of the pipeline.
class Outlet {
 public:
  Outlet(mvm::Job& job, std::size_t row)
      : straight_(job.find_port("out0")),
        across_(job.find_port("out1")),
        result_(job.port("result")),
        row_(row) {}

  void pass(Block&& block) {
    if (straight_ != nullptr) {
      straight_->send(block);
      across_->send(block);
    } else {  // the last stage: the spectrum is complete
      const std::size_t first_frequency = row_ * block.size();
      result_.send(Part{{transform_, first_frequency}, std::move(block)});
    }
    ++transform_;
  }

 private:
  mvm::Port* straight_;
  mvm::Port* across_;
  mvm::Port& result_;
  std::size_t row_;
  std::size_t transform_ = 0;
};

void run_first_stage(const Sweep& sweep, std::size_t row, std::size_t rows, Outlet& outlet) {
  for (std::size_t w = 0; w < sweep.transforms; ++w) {
    outlet.pass(first_block([&](std::size_t i) { return sweep(w, i); }, sweep.n, row, rows));
  }
}

void run_later_stage(mvm::Job& job, std::size_t stage, std::size_t row, Outlet& outlet) {
  const auto d = static_cast<unsigned>(stage - 1);
  const bool upper = (row >> d & 1) != 0;
  mvm::Port& low = job.port(upper ? "in1" : "in0");
  mvm::Port& high = job.port(upper ? "in0" : "in1");

  while (auto below = low.next<mvm::Message>()) {  // until the stage before has ended
    const auto above = high.receive<mvm::Message>();
    const auto from = below->view<Complex>();
    Block block(from.size());
    butterfly(from.data(), above.view<Complex>().data(), row, d, block.data(), block.size());
    outlet.pass(std::move(block));
  }
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  const Sweep sweep{std::stoul(job.arguments().at(0)), std::stoul(job.arguments().at(1))};
  const std::size_t rows = std::stoul(job.arguments().at(2));
  const std::size_t stage = job.coordinates().at(0);
  const std::size_t row = job.coordinates().at(1);

  Outlet outlet(job, row);
  if (stage == 0) {
    run_first_stage(sweep, row, rows, outlet);
  } else {
    run_later_stage(job, stage, row, outlet);
  }
}
