// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/job.hpp>

#include <string>
#include <vector>

/// Swaps blocks with the tasks of a hypercube, as the examples do: what came is used where it lies.
class Swap {
 public:
  explicit Swap(mvm::Job& job) {
    for (unsigned d = 0; std::size_t{1} << d < job.count(); ++d) {
      ports_.push_back(&job.port(std::string("d").append(std::to_string(d))));
    }
  }

  template <typename Value, typename Keep>
  void operator()(unsigned d, const std::vector<Value>& mine, Keep&& keep) const {
    ports_[d]->send(mine);
    const auto message = ports_[d]->receive<mvm::Message>();
    keep(message.view<Value>().data());
  }

 private:
  std::vector<mvm::Port*> ports_;
};
