// SPDX-License-Identifier: GPL-3.0-or-later
#include "status_report.hpp"

#include <algorithm>
#include <mvm/queuelayer/wait_board.hpp>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "channel_figures.hpp"

namespace mvm::run {
namespace {

using Json = nlohmann::ordered_json;

double seconds(std::int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e9;
}

/// What the task's longest wait is for: "receive prev"; empty when it does not wait.
std::string wait_of(const queue::TaskWaits& task) {
  const auto longest =
      std::ranges::max_element(task.waits, {}, [](const auto& wait) { return wait.wait.lasted; });
  if (longest == task.waits.end()) return {};
  const auto kind = longest->wait.kind;
  const auto verb = kind == queue::WaitKind::kSend       ? "send "
                    : kind == queue::WaitKind::kExchange ? "exchange at "
                    : queue::is_collective(kind)         ? "meet "
                                                         : "receive ";
  return verb + longest->place;
}

Json task_json(const queue::TaskWaits& task) {
  Duration lasted{0};
  for (const auto& wait : task.waits) lasted = std::max(lasted, wait.wait.lasted);
  return {{"task", task.name},
          {"id", task.task},
          {"machine", task.machine},
          {"condition", queue::to_string(task.condition)},
          {"threads", task.threads},
          {"waits_for", wait_of(task)},
          {"waits_seconds", seconds(lasted.count())}};
}

/// Adds the waits that go on now, of which the queues' own counters know nothing yet.
void add_waits(std::vector<ChannelFigures>& channels, const queue::GroupWaits& waits) {
  std::unordered_map<std::uint64_t, ChannelFigures*> by_id;
  for (auto& channel : channels) by_id[channel.channel] = &channel;
  for (const auto& task : waits.tasks) {
    for (const auto& wait : task.waits) {
      if (queue::is_collective(wait.wait.kind)) continue;
      std::uint64_t last = 0;  // a send names its channel once for each receiver
      for (const auto& awaited : wait.awaited) {
        const auto channel = by_id.find(awaited.channel);
        const bool sends = awaited.room;
        const bool again = sends && &awaited != wait.awaited.data() && awaited.channel == last;
        last = awaited.channel;
        if (channel == by_id.end() || again) continue;
        (sends ? channel->second->sender_blocked : channel->second->receiver_blocked) +=
            wait.wait.lasted;
      }
    }
  }
}

/// The two machines of a connection each tell of their own end.
Json link_json(std::uint32_t machine, const queue::control::LinkCount& link) {
  return {{"machine", machine},
          {"other", link.machine},
          {"transport", queue::to_string(link.transport)},
          {"bytes_sent", link.bytes_sent},
          {"bytes_received", link.bytes_received},
          {"parcels_sent", link.parcels_sent},
          {"parcels_received", link.parcels_received},
          {"parcels_resent", link.parcels_resent},
          {"parcels_refused", link.parcels_refused},
          {"reconnects", link.reconnects}};
}

}  // namespace

std::string status_json(const model::Plan& plan, GroupState state, Duration ran,
                        const queue::GroupWaits& waits,
                        std::span<const queue::control::Status> statuses) {
  std::vector<MachineCounts> counts;
  std::int64_t time = 0;
  for (const auto& status : statuses) {
    counts.push_back(status.channels);
    time = std::max(time, status.group_time_ns);
  }
  Json json = {{"format", 1},
               {"group", plan.group},
               {"state", to_string(state)},
               {"run_seconds", seconds(ran.count())},
               {"clock_seconds", seconds(time)},
               {"deadlock", !waits.knots.empty()},
               {"tasks", Json::array()},
               {"queues", Json::array()},
               {"links", Json::array()}};
  for (const auto& task : waits.tasks) json["tasks"].push_back(task_json(task));
  auto channels = put_together(plan.wiring, counts);
  add_waits(channels, waits);
  for (const auto& channel : channels) {
    auto& entry = json["queues"].emplace_back(describe_channel(channel, "depth"));
    entry["closed"] = channel.closed;
  }
  for (std::uint32_t machine = 0; machine < statuses.size(); ++machine) {
    for (const auto& link : statuses[machine].links) {
      json["links"].push_back(link_json(machine, link));
    }
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mvm::run
