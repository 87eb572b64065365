// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/channel_ends.hpp>

#include <algorithm>
#include <set>

#include <mvm/queuelayer/endpoint_numbers.hpp>
#include <mvm/queuelayer/tape.hpp>
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

}  // namespace

ChannelEnds::ChannelEnds(const WiringPlan& plan, const Arena& arena)
    : plan_(plan),
      arena_(arena),
      ends_alive_(std::make_unique<std::atomic<std::uint32_t>[]>(plan.channels.size())) {
  channels_.reserve(plan.channels.size());
  for (std::uint32_t i = 0; i < plan.channels.size(); ++i) {
    const auto& spec = plan.channels[i];
    const ChannelRecord& record = arena.channel(i);
    channels_.push_back({.kind = record.kind,
                         .sender = endpoint_number(plan, spec.sender, spec.sender_machine),
                         .receivers = receiving_endpoints(plan, spec),
                         .slot_count = record.slot_count,
                         .slots = record.slots,
                         .tape = record.tape,
                         .tape_size = record.tape_size});
    ends_alive_[i] = receiving_ends(plan, spec);
  }
}

ShelfSlot* ChannelEnds::shelf_slots(const Channel& channel) const {
  return reinterpret_cast<ShelfSlot*>(arena_.base() + channel.slots);
}

/// Where the task had a direct line, the link goes on.
void ChannelEnds::end_line(std::uint32_t number) {
  auto& line = arena_.channel(number).line;
  if (line.load(std::memory_order_acquire) == LineState::kNone) return;
  line.store(LineState::kOver, std::memory_order_release);
  ring(arena_.endpoint(link_endpoint(plan_)));
}

void ChannelEnds::task_ended(std::uint32_t task, bool died) {
  for (const auto& port : plan_.tasks[task].ports) {
    for (const auto& group : port.sends) {
      for (const auto number : group.channels) {
        Channel& channel = channels_[number];
        channel.sender_died |= died;
        end_line(number);
        arena_.channel(number).sender_closed.store(1, std::memory_order_release);
        for (const auto receiver : channel.receivers) ring(arena_.endpoint(receiver));
      }
    }
    for (const auto number : port.receives) {
      Channel& channel = channels_[number];
      if (died) ++channel.receivers_died;
      end_line(number);
      if (channel.receivers.size() > 1) undo_taken(number, task);
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

/// Gives back what a competitor had taken when it ended, or the sender would wait for it for ever.
void ChannelEnds::undo_taken(std::uint32_t number, std::uint32_t endpoint) {
  Channel& channel = channels_[number];
  ShelfSlot* slots = shelf_slots(channel);
  for (std::uint32_t i = 0; i < channel.slot_count; ++i) {
    auto stamp = slots[i].stamp.load(std::memory_order_acquire);
    const auto message = stamp >> kStampShift;
    if (stamp != stamp_taken(message, endpoint)) continue;
    if (slots[i].stamp.compare_exchange_strong(stamp, stamp_dropped(message),
                                               std::memory_order_acq_rel)) {
      ++channel.lost;
    }
  }
  arena_.channel(number).recount.store(1, std::memory_order_release);
}

/// Messages that no receiver has given back: unread ones, and those that ended receivers held.
std::uint64_t ChannelEnds::count_unread(std::uint32_t number) const {
  const Channel& channel = channels_[number];
  if (channel.kind == ChannelKind::kRing) return count_on_tape(number) + count_of_line(number);
  std::uint64_t messages = 0;
  for (std::uint32_t i = 0; i < channel.slot_count; ++i) {
    const auto stamp = shelf_slots(channel)[i].stamp.load(std::memory_order_acquire);
    if (!stamp_is_done(stamp)) ++messages;
  }
  return messages;
}

/// What came over a direct line lies in the receiver's own memory.
std::uint64_t ChannelEnds::count_of_line(std::uint32_t number) const {
  const auto& record = arena_.channel(number);
  const auto released = record.line_released.load(std::memory_order_acquire);
  const auto received = record.line_received.load(std::memory_order_acquire);
  return received - std::min(received, released);
}

std::uint64_t ChannelEnds::count_on_tape(std::uint32_t number) const {
  const Channel& channel = channels_[number];
  tape::Walk walk(arena_.base() + channel.tape, channel.tape_size,
                  arena_.channel(number).released.load(std::memory_order_acquire));
  std::uint64_t messages = 0;
  while (const auto header = walk.next()) {
    // What was given back before an older one, which is still held, is not unread.
    if (tape::state_of(header) == tape::State::kGivenBack) continue;
    if ((tape::kind_of(header) & kMoreFollows) == 0) ++messages;
  }
  return messages;
}

/// What the sender has counted is the truth, but for the last message of one that was killed.
void ChannelEnds::correct_by_sender(control::ChannelCount& count, const Channel& channel,
                                    const ChannelRecord& record) {
  const auto sent = record.enqueued.load(std::memory_order_relaxed);
  if (sent <= count.enqueued) return;
  const auto missing = sent - count.enqueued;
  if (record.crosses_machines != 0 && channel.kind == ChannelKind::kShelf) {
    // Dropped at the other machine, where that is counted.
    count.enqueued = sent;
  } else if (missing <= channel.receivers_died) {
    // A receiver was killed between giving a message back and counting it.
    count.dequeued += missing;
    count.enqueued = sent;
  }
  // Or the sender was killed between counting a message and publishing it: it never was one.
}

std::vector<control::ChannelCount> ChannelEnds::figures() const {
  std::vector<control::ChannelCount> counts;
  counts.reserve(channels_.size());
  for (std::uint32_t i = 0; i < channels_.size(); ++i) {
    const ChannelRecord& record = arena_.channel(i);
    const Channel& channel = channels_[i];
    const auto unread = count_unread(i);
    control::ChannelCount count;
    count.channel = plan_.channels[i].id;
    count.dequeued = record.dequeued.load(std::memory_order_relaxed);
    for (std::size_t cause = 0; cause < kDropCauses; ++cause) {
      count.drops[cause] = record.sender_drops[cause].load(std::memory_order_relaxed) +
                           record.receiver_drops[cause].load(std::memory_order_relaxed);
    }
    // Where receivers compete, what one did not take is there for the others, while some live.
    const bool lost = channel.receivers_died > 0 && ends_alive_[i] == 0;
    (lost ? count.lost_with_task : count.left) = unread;
    count.lost_with_task += channel.lost;
    count.enqueued = count.dequeued + record.relayed.load(std::memory_order_relaxed) +
                     count.dropped() + count.left + count.lost_with_task;
    count.late = record.late.load(std::memory_order_relaxed);
    if (channel.sender != link_endpoint(plan_)) correct_by_sender(count, channel, record);
    count.bytes = Bytes{record.bytes.load(std::memory_order_relaxed)};
    count.high_water = record.high_water.load(std::memory_order_relaxed);
    count.sender_blocked = Duration(record.sender_blocked_ns.load(std::memory_order_relaxed));
    count.receiver_blocked = Duration(record.receiver_blocked_ns.load(std::memory_order_relaxed));
    count.sender_closed = record.sender_closed.load(std::memory_order_acquire) != 0;
    count.receiver_closed = record.receiver_closed.load(std::memory_order_acquire) != 0;
    counts.push_back(count);
  }
  return counts;
}

}  // namespace mvm::queue
