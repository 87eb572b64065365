// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/arena.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <map>
#include <set>

#include <mvm/queuelayer/endpoint_numbers.hpp>
#include <mvm/queuelayer/layout_hash.hpp>
#include <mvm/queuelayer/ring_writer.hpp>
#include <mvm/queuelayer/sender_heap.hpp>

#include "edge_plan.hpp"
#include "sample_plan.hpp"

namespace mvm::queue {
namespace {

/// A ring of three tasks, and one queue that two of them compete for.
WiringPlan small_plan() {
  return plan_of(3, {{0, {1}, room_for(4)},
                     {1, {2}, room_for(100, 1_MiB)},
                     {2, {0}, room_for(1, 10_B)},
                     {0, {1, 2}, room_for(8)}});
}

Arena make_arena(const WiringPlan& plan) {
  EXPECT_TRUE(check(plan)) << check(plan).error().message;
  auto arena = Arena::create(plan);
  if (!arena) throw std::runtime_error(arena.error().message);
  return std::move(*arena);
}

TEST(Arena, HoldsWhatThePlanSays) {
  const auto plan = small_plan();
  const auto arena = make_arena(plan);
  EXPECT_EQ(arena.words(arena.header().group), plan.group);
  ASSERT_EQ(arena.endpoint_count(), 5u);  // and the queue VM's own two
  ASSERT_EQ(arena.channel_count(), 4u);
  for (std::uint32_t t = 0; t < 3; ++t) {
    const auto& endpoint = arena.endpoint(t);
    EXPECT_EQ(arena.words(endpoint.name), plan.tasks[t].name());
    EXPECT_EQ(arena.words(endpoint.directory), plan.tasks[t].directory);
    EXPECT_EQ(endpoint.index, t);
    EXPECT_EQ(endpoint.count, 3u);
    EXPECT_EQ(endpoint.state, static_cast<std::uint32_t>(EndpointState::kStarting));
    ASSERT_EQ(arena.list<std::uint32_t>(endpoint.coordinates).size(), 1u);
    EXPECT_EQ(arena.list<std::uint32_t>(endpoint.coordinates)[0], t);
    const auto ports = arena.list<PortRecord>(endpoint.ports);
    ASSERT_EQ(ports.size(), plan.tasks[t].ports.size());
    for (std::size_t p = 0; p < ports.size(); ++p) {
      const auto& spec = plan.tasks[t].ports[p];
      EXPECT_EQ(arena.words(ports[p].name), spec.name);
      const auto receives = arena.list<std::uint32_t>(ports[p].receives);
      EXPECT_TRUE(std::ranges::equal(receives, spec.receives));
      const auto sends = arena.list<SendGroupRecord>(ports[p].sends);
      ASSERT_EQ(sends.size(), spec.sends.size());
      for (std::size_t s = 0; s < sends.size(); ++s) {
        EXPECT_EQ(sends[s].spread, static_cast<std::uint32_t>(spec.sends[s].spread));
        EXPECT_TRUE(std::ranges::equal(arena.list<std::uint32_t>(sends[s].channels),
                                       spec.sends[s].channels));
      }
    }
  }
  for (std::uint32_t c = 0; c < 4; ++c) {
    const auto& record = arena.channel(c);
    const auto& spec = plan.channels[c];
    EXPECT_EQ(record.id, spec.id);
    EXPECT_EQ(record.capacity, spec.queue.capacity);
    EXPECT_EQ(record.byte_capacity, spec.queue.bytes.count);
    if (record.kind == ChannelKind::kRing) {
      EXPECT_TRUE(std::has_single_bit(record.tape_size));
      EXPECT_GE(record.tape_size, 2 * tape::kElsewhereBytes * record.capacity);
    } else {
      EXPECT_TRUE(std::has_single_bit(record.slot_count));
      EXPECT_GT(record.slot_count, record.capacity);
    }
    EXPECT_EQ(record.sender, spec.sender);
    EXPECT_EQ(record.kind, spec.receivers.size() > 1 ? ChannelKind::kShelf : ChannelKind::kRing);
    EXPECT_TRUE(std::ranges::equal(arena.list<std::uint32_t>(record.receivers), spec.receivers));
    EXPECT_EQ(arena.words(record.sender_words), spec.sender_port);
    EXPECT_EQ(arena.words(record.receiver_words), spec.receiver_port);
  }
}

/// Tapes, slots and heaps lie inside, where they should begin, and never on each other.
TEST(Arena, GivesEverythingAPlaceOfItsOwn) {
  const auto arena = make_arena(small_plan());
  std::map<Offset, Offset> places;  // begin → end
  const auto claim = [&](Offset at, std::uint64_t length, std::uint64_t alignment) {
    EXPECT_EQ(at % alignment, 0u);
    EXPECT_NE(arena.find(at, length), nullptr);
    EXPECT_TRUE(places.emplace(at, at + length).second);
  };
  claim(0, sizeof(ArenaHeader), kLine);
  claim(arena.header().endpoints.at, 5 * sizeof(EndpointRecord), kLine);
  claim(arena.header().channels.at, 4 * sizeof(ChannelRecord), kLine);
  for (std::uint32_t c = 0; c < arena.channel_count(); ++c) {
    const auto& channel = arena.channel(c);
    if (channel.kind == ChannelKind::kRing) {
      claim(channel.tape, channel.tape_size, kLine);
    } else {
      claim(channel.slots, channel.slot_count * sizeof(ShelfSlot), 2 * kLine);
      claim(channel.announced, channel.slot_count * sizeof(std::uint64_t), 8);
      claim(channel.returned, 2 * channel.slot_count * sizeof(std::uint64_t), 8);
    }
  }
  for (std::uint32_t e = 0; e < arena.endpoint_count(); ++e) {
    claim(arena.endpoint(e).heap, arena.endpoint(e).heap_size, 4096);
    EXPECT_EQ(arena.endpoint(e).heap_size, kHeapPerEndpoint.count);
  }
  Offset end = 0;
  for (const auto& [from, to] : places) {
    EXPECT_GE(from, end);
    end = to;
  }
}

/// Also on its way over the link, which sends for all tasks of other machines.
TEST(Arena, HasRoomForALargeMessageInEveryQueueOfASender) {
  std::vector<Edge> edges;
  for (std::uint32_t sender = 0; sender < 3; ++sender) {
    for (int queues = 0; queues < 3; ++queues) edges.push_back({sender, {3}, room_for(1)});
  }
  const auto plan = plan_of_machine(1, {0, 0, 1, 1}, {"ipc:///unused/0", "ipc:///unused/1"}, edges);
  const auto arena = make_arena(plan);
  for (const auto& [endpoint, queues] : {std::pair{0, 3}, {1, 0}, {2, 6}}) {
    const auto& sender = arena.endpoint(static_cast<std::uint32_t>(endpoint));
    SenderHeap heap(sender.heap, sender.heap_size);
    for (int queue = 0; queue < queues; ++queue) {
      EXPECT_TRUE(heap.allocate(RingWriter::streaming_size(kMaxMessage.count)));
    }
  }
}

TEST(Arena, DividesTheAddressSpaceOfAProcessAmongManySenders) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer leaves a process less address space than the heaps take";
#endif
  std::vector<Edge> edges;
  for (std::uint32_t sender = 0; sender < 200; ++sender) {
    for (std::uint32_t other = 0; other < 200; ++other)
      edges.push_back({sender, {other}, room_for(1)});
  }
  const auto arena = make_arena(plan_of(200, edges));
  std::uint64_t all = 0;
  for (std::uint32_t i = 0; i < arena.endpoint_count(); ++i) all += arena.endpoint(i).heap_size;
  EXPECT_GE(arena.endpoint(0).heap_size, kHeapPerEndpoint.count);
  EXPECT_LE(all, 2 * kHeapsTotal.count);
}

TEST(Arena, IsSharedByWhoeverMapsItsDescriptor) {
  const auto arena = make_arena(small_plan());
  const auto again = Arena::attach(arena.descriptor());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_NE(again->base(), arena.base());
  EXPECT_EQ(again->size(), arena.size());
  EXPECT_EQ(again->words(again->endpoint(2).name), "task[2]");
  arena.channel(1).enqueued = 42;
  EXPECT_EQ(again->channel(1).enqueued, 42u);
  EXPECT_EQ(again->descriptor(), -1);
}

TEST(Arena, CostsOnlyWhatIsTouched) {
  const auto arena = make_arena(small_plan());
  struct stat status{};
  ASSERT_EQ(::fstat(arena.descriptor(), &status), 0);
  EXPECT_GT(status.st_size, std::int64_t{16} << 30);
  EXPECT_LT(status.st_blocks * 512, std::int64_t{4} << 20);
}

TEST(Arena, HasNoNameAnywhere) {
  std::set<std::filesystem::path> before;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) before.insert(entry);
  const auto arena = make_arena(small_plan());
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    EXPECT_TRUE(before.contains(entry) || entry.path().string().find("mvm") == std::string::npos)
        << entry.path();
  }
  const auto link =
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(arena.descriptor()));
  EXPECT_EQ(link.string(), "/memfd:mvm-arena (deleted)");
}

TEST(Arena, CannotBeShrunkGrownOrUnsealed) {
  const auto arena = make_arena(small_plan());
  const auto size = static_cast<off_t>(arena.size().count);
  EXPECT_NE(::ftruncate(arena.descriptor(), size / 2), 0);
  EXPECT_EQ(errno, EPERM);
  EXPECT_NE(::ftruncate(arena.descriptor(), size * 2), 0);
  EXPECT_EQ(errno, EPERM);
  EXPECT_NE(::fcntl(arena.descriptor(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_EQ(errno, EPERM);
}

TEST(Arena, FindsNothingOutside) {
  const auto arena = make_arena(small_plan());
  const auto size = arena.size().count;
  EXPECT_NE(arena.find(size, 0), nullptr);
  EXPECT_EQ(arena.find(size, 1), nullptr);
  EXPECT_EQ(arena.find(size + 1, 0), nullptr);
  EXPECT_EQ(arena.find(16, ~std::uint64_t{0}), nullptr);
  EXPECT_EQ(arena.find(~std::uint64_t{0}, 16), nullptr);
  EXPECT_TRUE(arena.words({size - 1, 2, 0}).empty());
  EXPECT_TRUE(arena.list<PortRecord>({size, 1, 0}).empty());
  EXPECT_TRUE(arena.list<PortRecord>({4, 1, 0}).empty());  // not where one could lie
  EXPECT_TRUE(arena.list<ChannelRecord>({0, ~std::uint32_t{0}, 0}).size() < 1 ||
              arena.size().count >= ~std::uint32_t{0} * sizeof(ChannelRecord));
}

/// Receivers on other machines are one endpoint here: the link.
TEST(Arena, StandsInForOtherMachinesByTheLink) {
  const auto plan = sample_plan();
  const auto arena = make_arena(plan);
  ASSERT_EQ(arena.endpoint_count(), 4u);
  const auto receivers = arena.list<std::uint32_t>(arena.channel(0).receivers);
  EXPECT_TRUE(std::ranges::equal(receivers, std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(arena.channel(0).kind, ChannelKind::kShelf);
  EXPECT_EQ(endpoint_number(plan, 12, 1), 2u);
  EXPECT_EQ(endpoint_number(plan, 11, 0), 1u);
}

TEST(Arena, KnowsWhoseQueuesLeadToOtherMachines) {
  const std::vector<std::string> endpoints{"ipc:///unused/0", "ipc:///unused/1"};
  // Task 0 sends to a neighbour and to the other machine; task 2 has its neighbours only.
  const auto plan = plan_of_machine(0, {0, 0, 0, 1}, endpoints, {{0, {3}}, {0, {1}}, {1, {2}}});
  const auto arena = make_arena(plan);
  EXPECT_EQ(arena.endpoint(0).uses_link, 1u);
  EXPECT_EQ(arena.endpoint(1).uses_link, 0u);
  EXPECT_EQ(arena.endpoint(2).uses_link, 0u);
  const auto other =
      make_arena(plan_of_machine(1, {0, 0, 0, 1}, endpoints, {{0, {3}}, {0, {1}}, {1, {2}}}));
  EXPECT_EQ(other.endpoint(0).uses_link, 1u);
}

// What is not an arena.

std::string refusal(int fd) {
  const auto arena = Arena::attach(fd);
  if (arena) return "accepted";
  EXPECT_EQ(arena.error().code, ErrorCode::kArena);
  return arena.error().message;
}

UniqueFd memory_of(std::uint64_t size) {
  UniqueFd fd(::memfd_create("not-an-arena", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
  return fd;
}

TEST(Arena, RefusesWhatIsTooShort) {
  const auto fd = memory_of(100);
  EXPECT_EQ(refusal(fd.get()), "descriptor " + std::to_string(fd.get()) + " holds no arena");
}

TEST(Arena, RefusesWhatIsNoMemory) {
  UniqueFd fd(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_NE(refusal(fd.get()), "accepted");
  EXPECT_FALSE(Arena::attach(-1));
}

TEST(Arena, RefusesOtherMemory) {
  EXPECT_EQ(refusal(memory_of(1 << 20).get()), "this memory is not an arena");
}

TEST(Arena, RefusesAnotherLayout) {
  for (const int field : {0, 1, 2}) {
    const auto arena = make_arena(small_plan());
    auto& header = arena.header();
    if (field == 0) header.version = 77;
    if (field == 1) header.layout ^= 1;
    if (field == 2) header.size -= 4096;
    EXPECT_EQ(refusal(arena.descriptor()),
              "the arena has layout version " + std::to_string(field == 0 ? 77 : kLayoutVersion) +
                  " and this libmvm knows version " + std::to_string(kLayoutVersion) +
                  "; use one version of mvm, mvmq and libmvm");
  }
}

/// Also of the boards, whose records have a header of their own.
TEST(Arena, HasAnotherLayoutWhenAnyOfItsStructsHasAnotherSize) {
  for (const auto size : {sizeof(ChannelRecord), sizeof(WaitRecord), sizeof(Seat),
                          sizeof(Contribution), sizeof(SleeperLine), sizeof(TeamRecord)}) {
    EXPECT_NE(std::ranges::find(kLayoutSizes, size), kLayoutSizes.end()) << size;
  }
  for (std::size_t i = 0; i < kLayoutSizes.size(); ++i) {
    auto sizes = kLayoutSizes;
    sizes[i] += kLine;
    EXPECT_NE(layout_hash(kLayoutVersion, sizes), kLayoutHash) << i;
  }
  EXPECT_NE(layout_hash(kLayoutVersion + 1, kLayoutSizes), kLayoutHash);
}

TEST(Arena, RefusesTablesThatLieOutside) {
  for (const bool endpoints : {true, false}) {
    const auto arena = make_arena(small_plan());
    (endpoints ? arena.header().endpoints : arena.header().channels).at = arena.size().count;
    EXPECT_EQ(refusal(arena.descriptor()), "the arena's tables do not lie inside it");
  }
}

// Limits.

TEST(Arena, SaysWhatItNeedsWhenTheHostHasLess) {
  // 1,500 channels of a million slots of 64 bytes each: 200 GB.
  std::vector<Edge> edges(1500, Edge{0, {1}, room_for(kMaxCapacity)});
  const auto arena = Arena::create(plan_of(2, edges));
  ASSERT_FALSE(arena);
  EXPECT_EQ(arena.error().code, ErrorCode::kArena);
  EXPECT_NE(arena.error().message.find("lower their capacity= or use more machines"),
            std::string::npos)
      << arena.error().message;
}

/// The file size limit stands for any reason that the host has to give no more.
TEST(Arena, SaysSoWhenTheHostGivesNoSharedMemory) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1 << 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto arena = Arena::create(small_plan());
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(arena);
  EXPECT_EQ(arena.error().code, ErrorCode::kArena);
  EXPECT_NE(arena.error().message.find("shared memory for the queues: File too large"),
            std::string::npos)
      << arena.error().message;
}

}  // namespace
}  // namespace mvm::queue
