// SPDX-License-Identifier: Apache-2.0
// Messages from several tasks to one, and from one to several; see ../together.hpp. Task 0 of all
// is the one.
#include "../together.hpp"

#include <mvm/job.hpp>

#include "team.hpp"

namespace {

/// A batch, so that what goes to the other tasks goes by streams.
constexpr int kBatch = 64;

bench::Operations operations(mvm::Job& job, std::size_t senders) {
  mvm::Port* const in = job.find_port("in");
  mvm::Port* const out = job.find_port("out");
  const bool is_one = job.name() == "one[0]";
  const auto gather = [=](std::size_t size) {
    return bench::Operation{[=, data = std::vector<char>(size, 1)]() mutable {
                              const auto count = is_one ? kBatch * senders : kBatch;
                              for (std::size_t i = 0; i < count; ++i) {
                                is_one ? void(in->receive_into(data)) : out->send(data);
                              }
                            },
                            static_cast<double>(kBatch * senders)};
  };
  const auto spread = [=](std::size_t size) {
    return bench::Operation{[=, data = std::vector<char>(size, 1)]() mutable {
                              for (int i = 0; i < kBatch; ++i) {
                                is_one ? out->send(data) : void(in->receive_into(data));
                              }
                            },
                            static_cast<double>(kBatch * senders)};
  };
  return {{"gather.rate", gather}, {"spread.rate", spread}};
}

}  // namespace

int main(int argc, char** argv) {
  mvm::Job job(argc, argv);
  MvmTeam team{job.everyone()};
  bench::measure_all(team, job.arguments().at(0), operations(job, team.count() - 1));
}
