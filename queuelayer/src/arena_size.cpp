// SPDX-License-Identifier: Apache-2.0
#include "arena_size.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/board_layout.hpp>
#include <mvm/queuelayer/endpoint_numbers.hpp>
#include <mvm/queuelayer/tape.hpp>

namespace mvm::queue {
namespace {

/// The allocator's own books, for the few blocks that are taken from it.
constexpr std::uint64_t kAllocatorOverhead = 1 << 16;
constexpr std::uint64_t kSmallestTape = 4 << 10;
/// Messages that a lagging receiver has left lie in the sender's heap beyond that.
constexpr std::uint64_t kLargestTape = 512 << 10;

std::uint64_t round_up(std::uint64_t n, std::uint64_t to) {
  return (n + to - 1) / to * to;
}

/// Of a tape, what is kept for a record of every message.
std::uint64_t records_of(const ChannelSpec& channel) {
  return tape::kElsewhereBytes * channel.queue.capacity + 4 * kLine;
}

}  // namespace

ChannelKind kind_of(const ChannelSpec& channel) {
  const auto& queue = channel.queue;
  const bool plain = queue.type == QueueType::kFifo && queue.overflow != Overflow::kDropOldest &&
                     queue.time_to_live.count() == 0 && !queue.is_timed() &&
                     queue.link.loss_ppb == 0 && channel.receivers.size() == 1;
  return plain ? ChannelKind::kRing : ChannelKind::kShelf;
}

/// A shelf has room for what the receivers hold, and for what the sender no longer wants but the
/// link still has.
std::uint32_t slots_for(const ChannelSpec& shelf) {
  return std::bit_ceil(2 * shelf.queue.capacity + 2);
}

/// Room for the bytes that it may hold, as far as that is worth it; and at least as much as a
/// record for each message that it may hold, when their bytes lie elsewhere.
std::uint64_t tape_size_for(const ChannelSpec& ring) {
  const auto wanted = ring.queue.bytes.count + ring.queue.bytes.count / 4;  // with headers and gaps
  const auto bytes = std::clamp(wanted, kSmallestTape, kLargestTape);
  return std::bit_ceil(std::max(bytes, 2 * records_of(ring)));
}

std::vector<std::uint32_t> fibers_of_workers(const WiringPlan& plan) {
  std::vector<std::uint32_t> fibers(plan.workers, 0);
  for (const auto& task : plan.tasks) {
    if (task.worker) ++fibers[*task.worker];
  }
  return fibers;
}

std::uint32_t woken_words(std::uint32_t count) {
  constexpr std::uint32_t kWordsPerLine = kLine / sizeof(std::uint64_t);
  const auto words = (count + kWokenBits - 1) / kWokenBits;
  return (words + kWordsPerLine - 1) / kWordsPerLine * kWordsPerLine;
}

ArenaSize::ArenaSize(const WiringPlan& plan) {
  endpoints += plan.tasks.size();
  channels = plan.channels.size();
  characters += plan.group.size();
  for (const auto& task : plan.tasks) {
    characters += task.name().size() + task.directory.size();
    numbers += task.coordinates.size();
    memberships += task.teams.size();
    add_ports(task.ports);
  }
  add_ports(plan.outside);
  for (const auto& team : plan.teams) {
    ++teams;
    characters += team.name.size();
    numbers += 2 * team.members.size();
    seats += team.members.size();
    sleepers += sleeper_lines(team.members.size());
  }
  workers = plan.workers;
  for (const auto fibers : fibers_of_workers(plan)) {
    woken += woken_words(fibers) + woken_words(woken_words(fibers));
  }
  for (const auto& plugin : plan.plugins) characters += plugin.path.size();
  for (const auto& channel : plan.channels) {
    characters += channel.sender_port.size() + channel.receiver_port.size();
    numbers += channel.receivers.size() + 1;
    codecs += channel.queue.codecs.size();
    if (kind_of(channel) == ChannelKind::kRing) {
      tapes += tape_size_for(channel);
      records += records_of(channel);
    } else {
      shelf_slots += slots_for(channel);
      shelf_books += 3 * std::uint64_t{slots_for(channel)};
    }
  }
  divide_heaps(plan);
}

/// A queue holds a message of the largest size, or as many bytes, and another may be lent
/// meanwhile.
void ArenaSize::divide_heaps(const WiringPlan& plan) {
  std::vector<std::uint64_t> queues(endpoints, 0);  // that the endpoint sends to
  for (const auto& channel : plan.channels) {
    ++queues[endpoint_number(plan, channel.sender, channel.sender_machine)];
  }
  std::vector<std::uint64_t> wanted;
  for (const auto count : queues) {
    wanted.push_back(std::max(kHeapPerEndpoint.count, 2 * kMaxMessage.count * count));
  }
  const auto all = std::accumulate(wanted.begin(), wanted.end(), std::uint64_t{0});
  const auto share = all <= kHeapsTotal.count
                         ? 1.0
                         : static_cast<double>(kHeapsTotal.count) / static_cast<double>(all);
  const auto least =
      std::clamp(kHeapsTotal.count / endpoints, kSmallestHeap.count, kHeapPerEndpoint.count);
  heaps.push_back(0);
  for (const auto bytes : wanted) {
    const auto fair = static_cast<std::uint64_t>(static_cast<double>(bytes) * share);
    heaps.push_back(heaps.back() + round_up(std::max(fair, least), kPage));
  }
}

void ArenaSize::add_ports(const std::vector<PortSpec>& specs) {
  ports += specs.size();
  for (const auto& port : specs) {
    characters += port.name.size();
    groups += port.sends.size();
    numbers += port.receives.size();
    for (const auto& group : port.sends) numbers += group.channels.size();
  }
}

std::uint64_t ArenaSize::tables() const {
  return endpoints * sizeof(EndpointRecord) + channels * sizeof(ChannelRecord) +
         ports * sizeof(PortRecord) + groups * sizeof(SendGroupRecord) +
         numbers * sizeof(std::uint32_t) + codecs * sizeof(CodecRecord) +
         teams * sizeof(TeamRecord) + memberships * sizeof(MembershipRecord) + characters +
         workers * sizeof(WorkerRecord) + woken * sizeof(std::uint64_t) + kAllocatorOverhead;
}

std::uint64_t ArenaSize::working_memory() const {
  return records + shelf_slots * sizeof(ShelfSlot) + shelf_books * sizeof(std::uint64_t) +
         seats * sizeof(Seat) + sleepers * sizeof(SleeperLine);
}

std::uint64_t ArenaSize::allocated() const {
  return round_up(tables() + working_memory() + tapes + 16 * kPage, kPage);
}

}  // namespace mvm::queue
