// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The exchange with the neighbours. The end of <mvm/job.hpp>.

#include <optional>
#include <utility>
#include <vector>

#include <mvm/detail/calls.hpp>
#include <mvm/job.hpp>

namespace mvm {
namespace detail {

/// One exchange with the neighbours on its way.
template <typename T>
class Exchange {
 public:
  void send(Port& port, T value) { outgoing_.push_back({&port, std::move(value)}); }
  void receive(Port& port) { incoming_.push_back({&port, {}}); }
  void run(Job& job) {
    const auto step = [](void* object, std::vector<Pending>& pending) {
      static_cast<Exchange*>(object)->step(pending);
    };
    step_until_done(job, step, this);
  }
  std::vector<Arrival<T>> take() {
    std::vector<Arrival<T>> all;
    for (auto& each : incoming_) all.push_back({each.port, std::move(*each.value)});
    return all;
  }

 private:
  struct Way {
    Port* port;
    std::optional<T> value;  ///< empty when it was sent, or not received yet
  };
  void step(std::vector<Pending>& pending) {
    for (auto& each : outgoing_) {
      if (each.value && each.port->try_send(*each.value)) each.value.reset();
      if (each.value) pending.push_back({each.port, true});
    }
    for (auto& each : incoming_) {
      if (!each.value) each.value = each.port->template try_receive<T>();
      if (each.value) continue;
      if (each.port->ended()) throw_closed(*each.port);
      pending.push_back({each.port, false});
    }
  }
  std::vector<Way> outgoing_;
  std::vector<Way> incoming_;
};

}  // namespace detail

template <typename T, typename Make>
std::vector<Arrival<T>> Job::exchange_each(const Make& make) {
  detail::Exchange<T> exchange;
  for (Port* port : ports()) {
    if (port->can_send()) exchange.send(*port, make(*port));
    if (port->can_receive()) exchange.receive(*port);
  }
  exchange.run(*this);
  return exchange.take();
}

}  // namespace mvm
