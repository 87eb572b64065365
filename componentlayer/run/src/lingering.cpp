// SPDX-License-Identifier: GPL-3.0-or-later
#include "lingering.hpp"

#include <algorithm>
#include <iterator>

#include "channel_figures.hpp"

namespace mvm::run {

Lingering::Lingering(const model::Plan& plan) : plan_(plan) {
  for (const auto& output : plan.outputs) {
    if (output.linger == Duration(0)) continue;
    const auto& first = plan.wiring.front();
    const auto port = std::ranges::find(first.outside, output.name, &queue::PortSpec::name);
    if (port == first.outside.end()) continue;
    for (const auto number : port->receives) port_of_[first.channels[number].id] = ports_.size();
    ports_.push_back({.name = output.name, .messages = 0, .linger = output.linger});
  }
}

std::optional<SteadyTime> Lingering::look(std::span<const queue::control::Status> statuses,
                                          SteadyTime time) {
  std::vector<MachineCounts> counts;
  for (const auto& status : statuses) counts.push_back(status.channels);
  for (auto& port : ports_) port.messages = 0;
  for (const auto& figures : put_together(plan_.wiring, counts)) {
    const auto port = port_of_.find(figures.channel);
    if (port != port_of_.end()) ports_[port->second].messages += figures.left;
  }
  std::uint64_t messages = 0;
  Duration longest{0};
  for (const auto& port : waiting()) {
    messages += port.messages;
    longest = std::max(longest, port.linger);
  }
  if (messages == 0) return {};
  if (!until_ || messages < messages_) until_ = time + longest;
  messages_ = messages;
  return until_;
}

std::vector<WaitingPort> Lingering::waiting() const {
  std::vector<WaitingPort> waiting;
  std::ranges::copy_if(ports_, std::back_inserter(waiting),
                       [](const WaitingPort& port) { return port.messages > 0; });
  return waiting;
}

}  // namespace mvm::run
