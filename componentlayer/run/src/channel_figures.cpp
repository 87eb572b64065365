// SPDX-License-Identifier: GPL-3.0-or-later
#include "channel_figures.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include <mvm/base/text.hpp>

namespace mvm::run {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

ChannelFigures of_channel(const queue::ChannelSpec& channel) {
  ChannelFigures figures;
  figures.channel = channel.id;
  figures.from = channel.sender_port;
  figures.to = channel.receiver_port;
  figures.type = channel.queue.type;
  figures.overflow = channel.queue.overflow;
  figures.capacity = channel.queue.capacity;
  return figures;
}

/// Between the machines of a team; no queue of the user's.
bool is_hidden(const queue::ChannelSpec& channel) {
  return channel.sender_port.find(text('.', queue::kHiddenMark)) != std::string::npos;
}

void add(ChannelFigures& figures, const queue::ChannelSpec& channel,
         const queue::control::ChannelCount& count, bool at_sender) {
  figures.dequeued += count.dequeued;
  for (std::size_t cause = 0; cause < count.drops.size(); ++cause) {
    figures.drops[cause] += count.drops[cause];
  }
  figures.late += count.late;
  figures.receiver_blocked += count.receiver_blocked;
  // What a dead competitor had taken. Where there is one receiver, whether it died decides.
  if (channel.receivers.size() > 1) figures.lost_with_task += count.lost_with_task;
  if (!at_sender) return;
  figures.enqueued = count.enqueued;
  figures.bytes = count.bytes;
  figures.high_water = count.high_water;
  figures.sender_blocked = count.sender_blocked;
  figures.closed = count.sender_closed;
}

}  // namespace

std::vector<ChannelFigures> put_together(std::span<const queue::WiringPlan> machines,
                                         std::span<const MachineCounts> counts) {
  std::vector<ChannelFigures> all;
  std::unordered_map<std::uint64_t, std::size_t> place_of;
  for (std::uint32_t m = 0; m < machines.size(); ++m) {
    for (const auto& channel : machines[m].channels) {
      if (channel.sender_machine != m || is_hidden(channel)) continue;
      place_of[channel.id] = all.size();
      all.push_back(of_channel(channel));
    }
  }
  for (std::uint32_t m = 0; m < machines.size(); ++m) {
    const auto& channels = machines[m].channels;
    if (m >= counts.size() || counts[m].size() != channels.size()) continue;
    for (std::size_t i = 0; i < channels.size(); ++i) {
      const auto place = place_of.find(channels[i].id);
      if (place == place_of.end()) continue;
      add(all[place->second], channels[i], counts[m][i], channels[i].sender_machine == m);
    }
  }
  for (auto& figures : all) {
    const auto gone = figures.dequeued + figures.dropped();
    const auto unread = figures.enqueued - std::min(figures.enqueued, gone);
    figures.lost_with_task = std::min(unread, figures.lost_with_task);
    figures.left = unread - figures.lost_with_task;
    // Senders do not note small marks, and so much there was for sure.
    figures.high_water = std::max(figures.high_water, figures.left);
  }
  return all;
}

Json describe_channel(const ChannelFigures& channel, const char* left_name) {
  Json drops;
  for (std::uint32_t cause = 0; cause < queue::kDropCauses; ++cause) {
    drops[std::string(to_string(static_cast<queue::DropCause>(cause)))] = channel.drops[cause];
  }
  return {{"channel", channel.channel},
          {"from", channel.from},
          {"to", channel.to},
          {"type", queue::to_string(channel.type)},
          {"capacity", channel.capacity},
          {"overflow", queue::to_string(channel.overflow)},
          {"enqueued", channel.enqueued},
          {"dequeued", channel.dequeued},
          {"dropped", channel.dropped()},
          {"drops", std::move(drops)},
          {left_name, channel.left},
          {"lost_with_task", channel.lost_with_task},
          {"late", channel.late},
          {"payload_bytes", channel.bytes.count},
          {"high_water", channel.high_water},
          {"sender_blocked_seconds", seconds(channel.sender_blocked)},
          {"receiver_blocked_seconds", seconds(channel.receiver_blocked)}};
}

}  // namespace mvm::run
