// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/channel_ends.hpp>

#include <set>

#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {
namespace {

/// Each local receiver is an end, and each other machine that has some is one.
std::uint32_t receiving_ends(const WiringPlan& plan, const ChannelSpec& channel) {
  std::uint32_t ends = 0;
  std::set<std::uint32_t> others;
  for (const auto machine : channel.receiver_machines) {
    if (machine == plan.machine) {
      ++ends;
    } else if (channel.sender_machine == plan.machine) {
      others.insert(machine);
    }
  }
  return ends + static_cast<std::uint32_t>(others.size());
}

constexpr std::uint64_t kStateMask = (std::uint64_t{1} << kStampShift) - 1;

}  // namespace

ChannelEnds::ChannelEnds(const WiringPlan& plan, const Arena& arena)
    : plan_(plan),
      arena_(arena),
      ends_alive_(std::make_unique<std::atomic<std::uint32_t>[]>(plan.channels.size())) {
  channels_.reserve(plan.channels.size());
  for (std::uint32_t i = 0; i < plan.channels.size(); ++i) {
    const auto& spec = plan.channels[i];
    const ChannelRecord& record = arena.channel(i);
    channels_.push_back({.sender = endpoint_number(plan, spec.sender, spec.sender_machine),
                         .receivers = receiving_endpoints(plan, spec),
                         .slot_count = record.slot_count,
                         .slots = reinterpret_cast<Slot*>(arena.base() + record.slots),
                         .many_receivers = record.many_receivers != 0});
    ends_alive_[i] = receiving_ends(plan, spec);
  }
}

void ChannelEnds::task_ended(std::uint32_t task, bool died) {
  for (const auto& port : plan_.tasks[task].ports) {
    for (const auto& group : port.sends) {
      for (const auto number : group.channels) {
        arena_.channel(number).sender_closed.store(1, std::memory_order_release);
        for (const auto receiver : channels_[number].receivers) ring(arena_.endpoint(receiver));
      }
    }
    for (const auto number : port.receives) {
      Channel& channel = channels_[number];
      if (died) channel.receiver_died = true;
      if (channel.many_receivers) undo_taken(channel, task);
      receiver_gone(number);
    }
  }
}

void ChannelEnds::receiver_gone(std::uint32_t number) {
  if (ends_alive_[number].fetch_sub(1) == 1) {
    arena_.channel(number).receiver_closed.store(1, std::memory_order_release);
  }
  ring(arena_.endpoint(channels_[number].sender));
}

/// Gives back what a dead competitor had taken, or the sender would wait for it for ever.
void ChannelEnds::undo_taken(Channel& channel, std::uint32_t endpoint) {
  for (std::uint32_t i = 0; i < channel.slot_count; ++i) {
    auto& stamp = channel.slots[i].stamp;
    const auto value = stamp.load(std::memory_order_acquire);
    const auto number = value >> kStampShift;
    if (value != stamp_taken(number, endpoint)) continue;
    stamp.store(stamp_given_back(number), std::memory_order_release);
    ++channel.lost;
  }
}

std::uint64_t ChannelEnds::count_unread(std::uint32_t number) const {
  const Channel& channel = channels_[number];
  std::uint64_t messages = 0;
  if (channel.many_receivers) {
    for (std::uint32_t i = 0; i < channel.slot_count; ++i) {
      const auto stamp = channel.slots[i].stamp.load(std::memory_order_acquire);
      if ((stamp & kStateMask) == (stamp_published(0) & kStateMask)) ++messages;
    }
    return messages;
  }
  auto n = arena_.channel(number).released.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < channel.slot_count; ++i, ++n) {
    const Slot& slot = channel.slots[n & (channel.slot_count - 1)];
    if (slot.stamp.load(std::memory_order_acquire) != stamp_published(n)) break;
    if ((__atomic_load_n(&slot.kind, __ATOMIC_RELAXED) & kMoreFollows) == 0) ++messages;
  }
  return messages;
}

std::vector<control::ChannelCount> ChannelEnds::figures() const {
  std::vector<control::ChannelCount> counts;
  counts.reserve(channels_.size());
  for (std::uint32_t i = 0; i < channels_.size(); ++i) {
    const ChannelRecord& record = arena_.channel(i);
    const auto unread = count_unread(i);
    control::ChannelCount count;
    count.channel = plan_.channels[i].id;
    count.dequeued = record.dequeued.load(std::memory_order_relaxed);
    // Where receivers compete, what one did not take is there for the others, while some live.
    const bool lost = channels_[i].receiver_died && ends_alive_[i] == 0;
    (lost ? count.lost_with_task : count.left) = unread;
    count.lost_with_task += channels_[i].lost;
    count.enqueued = count.dequeued + record.relayed.load(std::memory_order_relaxed) + count.left +
                     count.lost_with_task;
    count.bytes = Bytes{record.bytes.load(std::memory_order_relaxed)};
    counts.push_back(count);
  }
  return counts;
}

}  // namespace mvm::queue
