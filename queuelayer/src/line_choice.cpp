// SPDX-License-Identifier: Apache-2.0
#include "line_choice.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <mvm/queuelayer/belongings.hpp>
#include <mvm/queuelayer/endpoint_numbers.hpp>

namespace mvm::queue {
namespace {

/// Positions of channels.
struct Between {
  std::vector<std::uint32_t> out;
  std::vector<std::uint32_t> in;
};

bool has_two_tasks(const ChannelSpec& channel) {
  return channel.receivers.size() == 1 && channel.receiver_machines[0] != channel.sender_machine &&
         channel.sender != kOutside && channel.receivers[0] != kOutside;
}

/// What passes over a line is not encrypted.
bool may_pass_unencrypted(const WiringPlan& plan) {
  return plan.trusted_network || !socket_path(plan.machines[plan.machine].direct).empty();
}

/// Of tasks here (positions) and elsewhere (ids).
std::map<std::pair<std::uint32_t, std::uint32_t>, Between> find_channels(const WiringPlan& plan,
                                                                         const Arena& arena) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, Between> found;
  for (std::uint32_t i = 0; i < plan.channels.size(); ++i) {
    const ChannelSpec& spec = plan.channels[i];
    const bool is_plain = arena.channel(i).kind == ChannelKind::kRing;
    if (spec.queue.transport != Transport::kTcp || !is_plain || !has_two_tasks(spec)) continue;
    const bool leaves = spec.sender_machine == plan.machine;
    const auto here = leaves ? spec.sender : spec.receivers[0];
    const auto there = leaves ? spec.receivers[0] : spec.sender;
    const auto task = endpoint_number(plan, here, plan.machine);
    if (task >= plan.tasks.size() || plan.tasks[task].worker) continue;
    auto& between = found[{task, there}];
    (leaves ? between.out : between.in).push_back(i);
  }
  return found;
}

LineChoice choice_of(const WiringPlan& plan, std::uint32_t task, const LineChannels& channels) {
  LineChoice choice{.task = task, .channels = channels};
  const auto& first = plan.channels[channels.out ? *channels.out : *channels.in];
  choice.name = first.id;
  if (channels.in) choice.name = std::min(choice.name, plan.channels[*channels.in].id);
  choice.machine = channels.out ? first.receiver_machines[0] : first.sender_machine;
  return choice;
}

}  // namespace

std::vector<LineChoice> choose_lines(const WiringPlan& plan, const Arena& arena) {
  std::vector<LineChoice> chosen;
  if (!may_pass_unencrypted(plan)) return chosen;
  std::vector<std::uint32_t> of_task(plan.tasks.size());
  const auto by_id = [&](std::uint32_t channel) { return plan.channels[channel].id; };
  for (auto& [tasks, between] : find_channels(plan, arena)) {
    auto& [out, in] = between;
    std::ranges::sort(out, {}, by_id);
    std::ranges::sort(in, {}, by_id);
    for (std::size_t i = 0; i < std::max(out.size(), in.size()); ++i) {
      if (of_task[tasks.first] == kMostLinesOfTask) break;
      if (chosen.size() == kMostLinesOfMachine) return chosen;
      ++of_task[tasks.first];
      LineChannels channels;
      if (i < out.size()) channels.out = out[i];
      if (i < in.size()) channels.in = in[i];
      chosen.push_back(choice_of(plan, tasks.first, channels));
    }
  }
  return chosen;
}

}  // namespace mvm::queue
