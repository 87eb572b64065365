// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/arena.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <boost/interprocess/indexes/flat_map_index.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include <mvm/queuelayer/board_layout.hpp>
#include <mvm/queuelayer/layout_hash.hpp>
#include <mvm/queuelayer/ring_writer.hpp>

namespace mvm::queue {

namespace bip = boost::interprocess;

/// A descriptor as Boost.Interprocess maps it.
class Mappable {
 public:
  explicit Mappable(int fd) : fd_(fd) {}
  [[nodiscard]] bip::mapping_handle_t get_mapping_handle() const {
    return bip::ipcdetail::mapping_handle_from_file_handle(fd_);
  }

 private:
  int fd_;
};

struct Arena::Mapping {
  bip::mapped_region region;
};

namespace {

/// The allocator is used by one process before anybody else sees the arena: no locks, no names.
using Allocator =
    bip::basic_managed_external_buffer<char, bip::rbtree_best_fit<bip::null_mutex_family>,
                                       bip::flat_map_index>;

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kAllocatorStart = kPage;  ///< the header has the first page
constexpr std::uint64_t kAllocatorOverhead = 1
                                             << 16;  ///< its own books, for the few blocks we take
/// Slots beyond a queue's capacity, so that fragments of large messages never fill a ring whose
/// capacity and bytes would admit one more message: one for each fragment that the bytes allow, and
/// some for a message that outgrows them.
constexpr std::uint32_t kSpareSlots = 32;
constexpr std::uint64_t kSmallestDataArea = 4096;

std::uint64_t round_up(std::uint64_t n, std::uint64_t to) {
  return (n + to - 1) / to * to;
}

/// A ring does for one receiver that takes messages as they come; nothing else needs a shelf.
ChannelKind kind_of(const ChannelSpec& channel) {
  const auto& queue = channel.queue;
  const bool plain = queue.type == QueueType::kFifo && queue.overflow != Overflow::kDropOldest &&
                     queue.time_to_live.count() == 0 && !queue.is_timed() &&
                     queue.link.loss_ppb == 0 && channel.receivers.size() == 1;
  return plain ? ChannelKind::kRing : ChannelKind::kShelf;
}

/// A shelf has room for what the receivers hold, and for what the sender no longer wants but the
/// link still has.
std::uint32_t slots_for(const ChannelSpec& channel) {
  const auto& queue = channel.queue;
  if (kind_of(channel) == ChannelKind::kShelf) return std::bit_ceil(2 * queue.capacity + 2);
  const auto fragments = static_cast<std::uint32_t>(queue.bytes.count / RingWriter::kFragment);
  return std::bit_ceil(queue.capacity + fragments + kSpareSlots);
}

std::uint64_t data_area_for(const ChannelSpec& channel) {
  if (kind_of(channel) == ChannelKind::kShelf) return 0;
  return round_up(std::max(channel.queue.bytes.count, kSmallestDataArea), kLine);
}

/// The byte that a hexadecimal digit pair stands for.
unsigned char from_hex(char high, char low) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  return static_cast<unsigned char>(digit(high) << 4 | digit(low));
}

/// How much of each kind a plan needs.
struct Needs {
  std::uint64_t endpoints = 2;  ///< the link, and the door to the outside
  std::uint64_t channels = 0;
  std::uint64_t ports = 0;
  std::uint64_t groups = 0;
  std::uint64_t numbers = 0;
  std::uint64_t characters = 0;
  std::uint64_t codecs = 0;
  std::uint64_t teams = 0;
  std::uint64_t memberships = 0;
  std::uint64_t seats = 0;
  std::uint64_t sleepers = 0;  ///< lines
  std::uint64_t slots = 0;
  std::uint64_t shelf_slots = 0;
  std::uint64_t shelf_books = 0;  ///< announced and returned
  std::uint64_t data = 0;
  std::uint64_t heap = 0;  ///< per endpoint

  explicit Needs(const WiringPlan& plan) {
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
    for (const auto& plugin : plan.plugins) characters += plugin.path.size();
    for (const auto& channel : plan.channels) {
      characters += channel.sender_port.size() + channel.receiver_port.size();
      numbers += channel.receivers.size() + 1;
      codecs += channel.queue.codecs.size();
      data += data_area_for(channel);
      const auto count = slots_for(channel);
      (kind_of(channel) == ChannelKind::kRing ? slots : shelf_slots) += count;
      if (kind_of(channel) == ChannelKind::kShelf) shelf_books += 3 * std::uint64_t{count};
    }
    heap = std::clamp(kHeapsTotal.count / endpoints, kSmallestHeap.count, kHeapPerEndpoint.count);
    heap = round_up(heap, kPage);
  }

  void add_ports(const std::vector<PortSpec>& specs) {
    ports += specs.size();
    for (const auto& port : specs) {
      characters += port.name.size();
      groups += port.sends.size();
      numbers += port.receives.size();
      for (const auto& group : port.sends) numbers += group.channels.size();
    }
  }

  /// Bytes that are written when the arena is made, and soon after.
  [[nodiscard]] std::uint64_t tables() const {
    return endpoints * sizeof(EndpointRecord) + channels * sizeof(ChannelRecord) +
           ports * sizeof(PortRecord) + groups * sizeof(SendGroupRecord) +
           numbers * sizeof(std::uint32_t) + codecs * sizeof(CodecRecord) +
           teams * sizeof(TeamRecord) + memberships * sizeof(MembershipRecord) + characters +
           kAllocatorOverhead;
  }
  /// Bytes that queues and boards may come to use.
  [[nodiscard]] std::uint64_t working_memory() const {
    return slots * sizeof(Slot) + shelf_slots * sizeof(ShelfSlot) +
           shelf_books * sizeof(std::uint64_t) + seats * sizeof(Seat) +
           sleepers * sizeof(SleeperLine);
  }
  [[nodiscard]] std::uint64_t allocator_size() const {
    return round_up(tables() + working_memory() + data + 16 * kPage, kPage);
  }
  [[nodiscard]] std::uint64_t arena_size() const {
    return kAllocatorStart + allocator_size() + endpoints * heap;
  }
};

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

 private:
  std::byte* base_;
  T* next_;
};

/// Fills a fresh arena from a wiring plan.
class Layout {
 public:
  Layout(std::byte* base, const WiringPlan& plan, const Needs& needs)
      : plan_(plan),
        needs_(needs),
        base_(base),
        allocator_(bip::create_only, base + kAllocatorStart, needs.allocator_size()),
        endpoints_(allocator_, base, needs.endpoints, kLine),
        channels_(allocator_, base, needs.channels, kLine),
        ports_(allocator_, base, needs.ports, kLine),
        groups_(allocator_, base, needs.groups, kLine),
        numbers_(allocator_, base, needs.numbers, kLine),
        codecs_(allocator_, base, needs.codecs, kLine),
        teams_(allocator_, base, needs.teams, kLine),
        memberships_(allocator_, base, needs.memberships, kLine),
        characters_(allocator_, base, needs.characters, kLine),
        seats_(allocator_, base, needs.seats, kPage),
        sleepers_(allocator_, base, needs.sleepers, kPage),
        slots_(allocator_, base, needs.slots, kPage),
        shelf_slots_(allocator_, base, needs.shelf_slots, kPage),
        shelf_books_(allocator_, base, needs.shelf_books, kPage),
        data_(allocator_, base, needs.data, kPage) {}

  void write() {
    auto* header = new (base_) ArenaHeader{};
    header->version = kLayoutVersion;
    header->layout = kLayoutHash;
    header->size = needs_.arena_size();
    header->group = put(plan_.group);
    header->machine = plan_.machine;
    header->link = link_endpoint(plan_);
    header->outside = outside_endpoint(plan_);
    const auto& digits = plan_.keys.group_secret;
    for (std::size_t i = 0; i * 2 + 1 < digits.size() && i < sizeof header->secret; ++i) {
      header->secret[i] = from_hex(digits[i * 2], digits[i * 2 + 1]);
    }
    for (const auto& plugin : plan_.plugins) plugins_.push_back(put(plugin.path));
    auto* endpoints = endpoints_.take(needs_.endpoints);
    auto* channels = channels_.take(needs_.channels);
    header->endpoints = {endpoints_.offset_of(endpoints), count(needs_.endpoints), 0};
    header->channels = {channels_.offset_of(channels), count(needs_.channels), 0};
    for (std::size_t i = 0; i < plan_.tasks.size(); ++i) write(endpoints[i], i);
    write_own(endpoints[header->link], header->link);
    write_own(endpoints[header->outside], header->outside);
    endpoints[header->outside].name = put("outside");
    endpoints[header->outside].ports = put(plan_.outside);
    auto* teams = teams_.take(needs_.teams);
    header->teams = {teams_.offset_of(teams), count(needs_.teams), 0};
    for (std::size_t i = 0; i < plan_.teams.size(); ++i) {
      write(*new (&teams[i]) TeamRecord{}, plan_.teams[i]);
    }
    for (std::size_t i = 0; i < plan_.channels.size(); ++i) {
      write(*new (&channels[i]) ChannelRecord{}, plan_.channels[i]);
    }
    header->magic = kArenaMagic;
  }

 private:
  static std::uint32_t count(std::uint64_t n) { return static_cast<std::uint32_t>(n); }

  TextRef put(std::string_view words) {
    auto* at = characters_.take(words.size());
    std::copy(words.begin(), words.end(), at);
    return {characters_.offset_of(at), count(words.size()), 0};
  }
  ListRef put(const std::vector<std::uint32_t>& numbers) {
    auto* at = numbers_.take(numbers.size());
    std::copy(numbers.begin(), numbers.end(), at);
    return {numbers_.offset_of(at), count(numbers.size()), 0};
  }
  Offset heap_of(std::uint64_t endpoint) const {
    return kAllocatorStart + needs_.allocator_size() + endpoint * needs_.heap;
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
    endpoint.teams = {memberships_.offset_of(memberships), count(task.teams.size()), 0};
    for (std::size_t i = 0; i < task.teams.size(); ++i) {
      const auto& members = plan_.teams[task.teams[i]].members;
      const auto at = std::lower_bound(members.begin(), members.end(), task.id);
      memberships[i] = {task.teams[i], static_cast<std::uint32_t>(at - members.begin())};
    }
    endpoint.heap = heap_of(number);
    endpoint.heap_size = needs_.heap;
    endpoint.shares_core = task.shares_core ? 1 : 0;
  }

  /// An end of the queue VM's own.
  void write_own(EndpointRecord& memory, std::uint32_t number) {
    auto& endpoint = *new (&memory) EndpointRecord{};
    endpoint.heap = heap_of(number);
    endpoint.heap_size = needs_.heap;
    endpoint.shares_core = 1;
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
    return {ports_.offset_of(ports), count(specs.size()), 0};
  }

  void write(PortRecord& memory, const PortSpec& port) {
    auto& record = *new (&memory) PortRecord{};
    record.name = put(port.name);
    record.receives = put(port.receives);
    auto* groups = groups_.take(port.sends.size());
    record.sends = {groups_.offset_of(groups), count(port.sends.size()), 0};
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
    record.slot_count = slots_for(channel);
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
      record.slots = slots_.take_offset(record.slot_count);
      record.data_size = data_area_for(channel);
      record.data = data_.take_offset(record.data_size);
      return;
    }
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
    record.codecs = {codecs_.offset_of(codecs), count(queue.codecs.size()), 0};
    for (std::size_t i = 0; i < queue.codecs.size(); ++i) {
      const auto& codec = plan_.codecs[queue.codecs[i]];
      codecs[i] = {static_cast<std::uint32_t>(codec.kind), codec.level, {}};
      if (codec.kind == CodecKind::kCustom) codecs[i].plugin = plugins_[codec.plugin];
    }
  }

  const WiringPlan& plan_;
  const Needs& needs_;
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
  Supply<char> characters_;
  Supply<Seat> seats_;
  Supply<SleeperLine> sleepers_;
  Supply<Slot> slots_;
  Supply<ShelfSlot> shelf_slots_;
  Supply<std::uint64_t> shelf_books_;
  Supply<std::byte> data_;
  std::vector<TextRef> plugins_;  ///< paths
};

/// Fresh shared memory without a name, sealed so that nobody can shrink it under a peer's feet.
Result<UniqueFd> make_memory(const Needs& needs) {
  const auto size = needs.arena_size();
  struct sysinfo host{};
  ::sysinfo(&host);
  const auto wanted = needs.tables() + needs.working_memory();
  if (const auto all = std::uint64_t{host.totalram} * host.mem_unit; wanted > all) {
    return fail(ErrorCode::kArena, "the queues of this plan need ", to_string(Bytes{wanted}),
                " of shared memory and the host has ", to_string(Bytes{all}),
                "; lower their capacity= or use more machines");
  }
  UniqueFd fd(::memfd_create("mvm-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fail_system("create shared memory for the queues");
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0 ||
      ::fallocate(fd.get(), 0, 0, static_cast<off_t>(kAllocatorStart + needs.tables())) != 0) {
    auto error = system_error(
        text("reserve ", to_string(Bytes{wanted}), " of shared memory for the queues"));
    error.code = ErrorCode::kArena;
    return fail(std::move(error));
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return fail_system("seal shared memory");
  }
  return fd;
}

}  // namespace

std::uint32_t link_endpoint(const WiringPlan& plan) {
  return static_cast<std::uint32_t>(plan.tasks.size());
}

std::uint32_t outside_endpoint(const WiringPlan& plan) {
  return link_endpoint(plan) + 1;
}

std::uint32_t endpoint_number(const WiringPlan& plan, std::uint32_t task, std::uint32_t machine) {
  const auto link = link_endpoint(plan);
  if (machine != plan.machine) return link;
  if (task == kOutside) return outside_endpoint(plan);
  const auto found =
      std::lower_bound(plan.tasks.begin(), plan.tasks.end(), task,
                       [](const TaskSpec& spec, std::uint32_t id) { return spec.id < id; });
  if (found == plan.tasks.end() || found->id != task) return link;
  return static_cast<std::uint32_t>(found - plan.tasks.begin());
}

std::vector<std::uint32_t> receiving_endpoints(const WiringPlan& plan, const ChannelSpec& channel) {
  std::vector<std::uint32_t> endpoints;
  for (std::size_t i = 0; i < channel.receivers.size(); ++i) {
    const bool here = channel.receiver_machines[i] == plan.machine;
    // What arrives from another machine is only for the receivers of this one.
    if (!here && channel.sender_machine != plan.machine) continue;
    endpoints.push_back(endpoint_number(plan, channel.receivers[i], channel.receiver_machines[i]));
  }
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  return endpoints;
}

Arena::Arena(UniqueFd fd, std::unique_ptr<Mapping> mapping)
    : fd_(std::move(fd)), mapping_(std::move(mapping)) {
  base_ = static_cast<std::byte*>(mapping_->region.get_address());
  size_ = Bytes{mapping_->region.get_size()};
}

Arena::Arena(Arena&&) noexcept = default;
Arena& Arena::operator=(Arena&&) noexcept = default;
Arena::~Arena() = default;

Result<Arena> Arena::create(const WiringPlan& plan) {
  if (plan.tasks.size() + 2 > kMaxEndpoints) {
    return fail(ErrorCode::kLimit, "a machine holds at most ", kMaxEndpoints - 2, " tasks");
  }
  const Needs needs(plan);
  auto fd = make_memory(needs);
  if (!fd) return fail(fd.error());
  try {
    auto mapping = std::make_unique<Mapping>();
    mapping->region = bip::mapped_region(Mappable(fd->get()), bip::read_write, 0,
                                         static_cast<std::size_t>(needs.arena_size()));
    Layout(static_cast<std::byte*>(mapping->region.get_address()), plan, needs).write();
    Arena arena(std::move(*fd), std::move(mapping));
    if (auto adopted = arena.adopt(); !adopted) return fail(adopted.error());
    return arena;
  } catch (const bip::interprocess_exception& problem) {
    return fail(ErrorCode::kArena, "lay out ", to_string(Bytes{needs.arena_size()}),
                " of address space for the queues: ", problem.what());
  }
}

Result<Arena> Arena::attach(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail_system("look at the arena");
  if (static_cast<std::uint64_t>(status.st_size) < sizeof(ArenaHeader)) {
    return fail(ErrorCode::kArena, "descriptor ", fd, " holds no arena");
  }
  try {
    auto mapping = std::make_unique<Mapping>();
    mapping->region = bip::mapped_region(Mappable(fd), bip::read_write, 0,
                                         static_cast<std::size_t>(status.st_size));
    Arena arena({}, std::move(mapping));
    if (auto adopted = arena.adopt(); !adopted) return fail(adopted.error());
    return arena;
  } catch (const bip::interprocess_exception& problem) {
    return fail(ErrorCode::kArena, "map the arena: ", problem.what());
  }
}

Result<void> Arena::adopt() {
  const ArenaHeader& head = header();
  if (head.magic != kArenaMagic) return fail(ErrorCode::kArena, "this memory is not an arena");
  if (head.version != kLayoutVersion || head.layout != kLayoutHash || head.size != size_.count) {
    return fail(ErrorCode::kArena, "the arena has layout version ", head.version,
                " and this libmvm knows version ", kLayoutVersion,
                "; use one version of mvm, mvmq and libmvm");
  }
  const auto endpoints = list<EndpointRecord>(head.endpoints);
  const auto channels = list<ChannelRecord>(head.channels);
  endpoints_ = endpoints.data();
  endpoint_count_ = static_cast<std::uint32_t>(endpoints.size());
  channels_ = channels.data();
  channel_count_ = static_cast<std::uint32_t>(channels.size());
  if (endpoints.size() != head.endpoints.count || channels.size() != head.channels.count) {
    return fail(ErrorCode::kArena, "the arena's tables do not lie inside it");
  }
  return {};
}

std::string_view Arena::words(TextRef text) const {
  const auto* at = find(text.at, text.length);
  if (at == nullptr) return {};
  return {reinterpret_cast<const char*>(at), text.length};
}

}  // namespace mvm::queue
