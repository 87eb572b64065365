// SPDX-License-Identifier: Apache-2.0
#include "arena_writer.hpp"

#include <algorithm>
#include <boost/interprocess/indexes/flat_map_index.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <new>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/board_layout.hpp>
#include <mvm/queuelayer/endpoint_numbers.hpp>
#include <mvm/queuelayer/layout_hash.hpp>

namespace mvm::queue {
namespace {

namespace bip = boost::interprocess;

/// The allocator is used by one process before anybody else sees the arena: no locks, no names.
using Allocator =
    bip::basic_managed_external_buffer<char, bip::rbtree_best_fit<bip::null_mutex_family>,
                                       bip::flat_map_index>;

/// The byte that a hexadecimal digit pair stands for.
unsigned char from_hex(char high, char low) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  return static_cast<unsigned char>(digit(high) << 4 | digit(low));
}

/// Hands out consecutive pieces of one block.
template <typename T>
class Supply {
 public:
  Supply(Allocator& allocator, std::byte* base, std::uint64_t count, std::uint64_t alignment)
      : base_(base) {
    next_ = static_cast<T*>(allocator.allocate_aligned(
        std::max<std::uint64_t>(count, 1) * sizeof(T), std::max<std::uint64_t>(alignment, 16)));
  }
  T* take(std::uint64_t count) { return std::exchange(next_, next_ + count); }
  Offset offset_of(const T* at) const {
    return static_cast<Offset>(reinterpret_cast<const std::byte*>(at) - base_);
  }
  Offset take_offset(std::uint64_t count) { return offset_of(take(count)); }
  ListRef list(const T* first, std::uint64_t count) const {
    return {offset_of(first), static_cast<std::uint32_t>(count), 0};
  }

 private:
  std::byte* base_;
  T* next_;
};

/// Fills a fresh arena from a wiring plan.
class ArenaWriter {
 public:
  ArenaWriter(std::byte* base, const WiringPlan& plan, const ArenaSize& size, bool group_fences)
      : plan_(plan),
        size_(size),
        group_fences_(group_fences),
        base_(base),
        allocator_(bip::create_only, base + kAllocatorStart, size.allocated()),
        endpoints_(allocator_, base, size.endpoints, kLine),
        channels_(allocator_, base, size.channels, kLine),
        ports_(allocator_, base, size.ports, kLine),
        groups_(allocator_, base, size.groups, kLine),
        numbers_(allocator_, base, size.numbers, kLine),
        codecs_(allocator_, base, size.codecs, kLine),
        teams_(allocator_, base, size.teams, kLine),
        memberships_(allocator_, base, size.memberships, kLine),
        workers_(allocator_, base, size.workers, kLine),
        woken_(allocator_, base, size.woken, kLine),
        characters_(allocator_, base, size.characters, kLine),
        seats_(allocator_, base, size.seats, kPage),
        sleepers_(allocator_, base, size.sleepers, kPage),
        tapes_(allocator_, base, size.tapes, kPage),
        shelf_slots_(allocator_, base, size.shelf_slots, kPage),
        shelf_books_(allocator_, base, size.shelf_books, kPage) {}

  void write() {
    auto* header = new (base_) ArenaHeader{};
    header->version = kLayoutVersion;
    header->layout = kLayoutHash;
    header->size = size_.total();
    header->group = put(plan_.group);
    header->machine = plan_.machine;
    header->link = link_endpoint(plan_);
    header->outside = outside_endpoint(plan_);
    header->group_fences = group_fences_ ? 1 : 0;
    write_secret(*header);
    for (const auto& plugin : plan_.plugins) plugins_.push_back(put(plugin.path));
    auto* endpoints = endpoints_.take(size_.endpoints);
    auto* channels = channels_.take(size_.channels);
    header->endpoints = endpoints_.list(endpoints, size_.endpoints);
    header->channels = channels_.list(channels, size_.channels);
    header->workers = put_workers();
    for (std::size_t i = 0; i < plan_.tasks.size(); ++i) write(endpoints[i], i);
    write_own(endpoints[header->link], header->link);
    write_own(endpoints[header->outside], header->outside);
    endpoints[header->outside].name = put("outside");
    endpoints[header->outside].ports = put(plan_.outside);
    auto* teams = teams_.take(size_.teams);
    header->teams = teams_.list(teams, size_.teams);
    for (std::size_t i = 0; i < plan_.teams.size(); ++i) {
      write(*new (&teams[i]) TeamRecord{}, plan_.teams[i]);
    }
    for (std::size_t i = 0; i < plan_.channels.size(); ++i) {
      write(*new (&channels[i]) ChannelRecord{}, plan_.channels[i]);
    }
    header->magic = kArenaMagic;
  }

 private:
  TextRef put(std::string_view words) {
    auto* at = characters_.take(words.size());
    std::copy(words.begin(), words.end(), at);
    return {characters_.offset_of(at), static_cast<std::uint32_t>(words.size()), 0};
  }
  ListRef put(const std::vector<std::uint32_t>& numbers) {
    auto* at = numbers_.take(numbers.size());
    std::copy(numbers.begin(), numbers.end(), at);
    return numbers_.list(at, numbers.size());
  }
  void write_secret(ArenaHeader& header) const {
    const auto& digits = plan_.secret;
    for (std::size_t i = 0; i * 2 + 1 < digits.size() && i < sizeof header.secret; ++i) {
      header.secret[i] = from_hex(digits[i * 2], digits[i * 2 + 1]);
    }
  }

  ListRef put_workers() {
    auto* workers = workers_.take(size_.workers);
    const auto put_words = [this](std::uint32_t bits) {
      const auto count = woken_words(bits);
      auto* words = woken_.take(count);
      std::fill_n(words, count, 0);
      return woken_.list(words, count);
    };
    const auto fibers = fibers_of_workers(plan_);
    for (std::size_t i = 0; i < fibers.size(); ++i) {
      auto& worker = *new (&workers[i]) WorkerRecord{};
      worker.woken = put_words(fibers[i]);
      worker.summary = put_words(worker.woken.count);
    }
    return workers_.list(workers, size_.workers);
  }

  void write(EndpointRecord& memory, std::size_t number) {
    const TaskSpec& task = plan_.tasks[number];
    auto& endpoint = *new (&memory) EndpointRecord{};
    endpoint.name = put(task.name());
    endpoint.directory = put(task.directory);
    endpoint.index = task.index;
    endpoint.count = task.count;
    endpoint.coordinates = put(task.coordinates);
    endpoint.ports = put(task.ports);
    auto* memberships = memberships_.take(task.teams.size());
    endpoint.teams = memberships_.list(memberships, task.teams.size());
    for (std::size_t i = 0; i < task.teams.size(); ++i) {
      const auto& members = plan_.teams[task.teams[i]].members;
      const auto at = std::lower_bound(members.begin(), members.end(), task.id);
      memberships[i] = {task.teams[i], static_cast<std::uint32_t>(at - members.begin())};
    }
    endpoint.heap = size_.heap_of(number);
    endpoint.heap_size = size_.heap_size(number);
    endpoint.shares_core = task.shares_core ? 1 : 0;
    endpoint.uses_link = uses_link(task) ? 1 : 0;
    endpoint.ringers_fence = task.shares_core || !group_fences_ ? 1 : 0;
    if (task.worker) {
      endpoint.ringers_fence = kUnlessInItsThread;
      endpoint.worker = 1 + *task.worker;
      endpoint.fiber = fibers_written_[*task.worker]++;
    }
  }

  /// The other end of one of its queues is on another machine.
  [[nodiscard]] bool uses_link(const TaskSpec& task) const {
    const auto crosses = [this](std::uint32_t channel) {
      const ChannelSpec& spec = plan_.channels[channel];
      return std::ranges::any_of(spec.receiver_machines, [&](std::uint32_t machine) {
        return machine != spec.sender_machine;
      });
    };
    return std::ranges::any_of(task.ports, [&](const PortSpec& port) {
      return std::ranges::any_of(port.receives, crosses) ||
             std::ranges::any_of(port.sends, [&](const SendGroup& group) {
               return std::ranges::any_of(group.channels, crosses);
             });
    });
  }

  /// An end of the queue VM's own.
  void write_own(EndpointRecord& memory, std::uint32_t number) {
    auto& endpoint = *new (&memory) EndpointRecord{};
    endpoint.heap = size_.heap_of(number);
    endpoint.heap_size = size_.heap_size(number);
    endpoint.shares_core = 1;
    endpoint.ringers_fence = 1;
  }

  void write(TeamRecord& record, const TeamSpec& team) {
    record.name = put(team.name);
    std::vector<std::uint32_t> endpoints;
    endpoints.reserve(team.members.size());
    for (std::size_t i = 0; i < team.members.size(); ++i) {
      endpoints.push_back(endpoint_number(plan_, team.members[i], team.machines[i]));
    }
    record.endpoints = put(endpoints);
    record.machines = put(team.machines);
    auto* seats = seats_.take(team.members.size());
    for (std::size_t i = 0; i < team.members.size(); ++i) new (&seats[i]) Seat{};
    record.seats = seats_.offset_of(seats);
    const auto lines = sleeper_lines(team.members.size());
    auto* sleepers = sleepers_.take(lines);
    for (std::uint32_t i = 0; i < lines; ++i) new (&sleepers[i]) SleeperLine{};
    record.sleepers = sleepers_.offset_of(sleepers);
    record.root = team.root;
  }

  ListRef put(const std::vector<PortSpec>& specs) {
    auto* ports = ports_.take(specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i) write(ports[i], specs[i]);
    return ports_.list(ports, specs.size());
  }

  void write(PortRecord& memory, const PortSpec& port) {
    auto& record = *new (&memory) PortRecord{};
    record.name = put(port.name);
    record.receives = put(port.receives);
    auto* groups = groups_.take(port.sends.size());
    record.sends = groups_.list(groups, port.sends.size());
    for (std::size_t i = 0; i < port.sends.size(); ++i) {
      auto& group = *new (&groups[i]) SendGroupRecord{};
      group.spread = static_cast<std::uint32_t>(port.sends[i].spread);
      group.channels = put(port.sends[i].channels);
    }
  }

  void write(ChannelRecord& record, const ChannelSpec& channel) {
    record.id = channel.id;
    record.kind = kind_of(channel);
    record.capacity = channel.queue.capacity;
    record.byte_capacity = channel.queue.bytes.count;
    record.sender = endpoint_number(plan_, channel.sender, channel.sender_machine);
    const auto receivers = receiving_endpoints(plan_, channel);
    record.receivers = put(receivers);
    const auto link = link_endpoint(plan_);
    const bool crosses =
        record.sender == link || std::ranges::find(receivers, link) != receivers.end();
    record.crosses_machines = crosses ? 1 : 0;
    record.sender_words = put(channel.sender_port);
    record.receiver_words = put(channel.receiver_port);
    write_policies(record, channel.queue);
    if (record.kind == ChannelKind::kRing) {
      record.tape_size = tape_size_for(channel);
      record.tape = tapes_.take_offset(record.tape_size);
      return;
    }
    record.slot_count = slots_for(channel);
    // Memory that was never written is all zero: "message 0, given back", which is free.
    record.slots = shelf_slots_.take_offset(record.slot_count);
    record.announced = shelf_books_.take_offset(record.slot_count);
    record.returned = shelf_books_.take_offset(2 * std::uint64_t{record.slot_count});
  }

  void write_policies(ChannelRecord& record, const QueueSpec& queue) {
    record.type = static_cast<std::uint32_t>(queue.type);
    record.overflow = static_cast<std::uint32_t>(queue.overflow);
    record.levels = queue.levels;
    record.drop_late = queue.drop_late ? 1 : 0;
    record.time_to_live_ns = queue.time_to_live.count();
    record.interval_ns = queue.interval.count();
    record.latency_ns = queue.link.latency.count();
    record.jitter_ns = queue.link.jitter.count();
    record.bits_per_second = queue.link.bits_per_second;
    record.loss_ppb = queue.link.loss_ppb;
    record.seed = queue.link.seed;
    if (queue.type == QueueType::kCustom) record.plugin = plugins_[queue.plugin];
    auto* codecs = codecs_.take(queue.codecs.size());
    record.codecs = codecs_.list(codecs, queue.codecs.size());
    for (std::size_t i = 0; i < queue.codecs.size(); ++i) {
      const auto& codec = plan_.codecs[queue.codecs[i]];
      codecs[i] = {static_cast<std::uint32_t>(codec.kind), codec.level, {}};
      if (codec.kind == CodecKind::kCustom) codecs[i].plugin = plugins_[codec.plugin];
    }
  }

  const WiringPlan& plan_;
  const ArenaSize& size_;
  bool group_fences_;
  std::byte* base_;
  Allocator allocator_;
  Supply<EndpointRecord> endpoints_;
  Supply<ChannelRecord> channels_;
  Supply<PortRecord> ports_;
  Supply<SendGroupRecord> groups_;
  Supply<std::uint32_t> numbers_;
  Supply<CodecRecord> codecs_;
  Supply<TeamRecord> teams_;
  Supply<MembershipRecord> memberships_;
  Supply<WorkerRecord> workers_;
  Supply<std::uint64_t> woken_;
  Supply<char> characters_;
  Supply<Seat> seats_;
  Supply<SleeperLine> sleepers_;
  Supply<std::byte> tapes_;
  Supply<ShelfSlot> shelf_slots_;
  Supply<std::uint64_t> shelf_books_;
  std::vector<TextRef> plugins_;                                     ///< paths
  std::unordered_map<std::uint32_t, std::uint32_t> fibers_written_;  ///< by worker
};

}  // namespace

Result<void> write_arena(std::byte* base, const WiringPlan& plan, const ArenaSize& size,
                         bool group_fences) {
  try {
    ArenaWriter(base, plan, size, group_fences).write();
    return {};
  } catch (const bip::interprocess_exception& problem) {
    return fail(ErrorCode::kArena, "lay out the queues in shared memory: ", problem.what());
  }
}

}  // namespace mvm::queue
