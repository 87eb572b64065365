// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/arena.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <boost/interprocess/mapped_region.hpp>
#include <utility>

#include <mvm/queuelayer/layout_hash.hpp>
#include <mvm/queuelayer/waiter.hpp>

#include "arena_size.hpp"
#include "arena_writer.hpp"
#include "mapped_arenas.hpp"

namespace mvm::queue {

namespace bip = boost::interprocess;

namespace {

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

/// Fresh shared memory without a name, sealed so that nobody can shrink it under a peer's feet.
Result<UniqueFd> make_memory(const ArenaSize& size) {
  struct sysinfo host{};
  ::sysinfo(&host);
  const auto wanted = size.tables() + size.working_memory();
  if (const auto all = std::uint64_t{host.totalram} * host.mem_unit; wanted > all) {
    return fail(ErrorCode::kArena, "the queues of this plan need ", to_string(Bytes{wanted}),
                " of shared memory and the host has ", to_string(Bytes{all}),
                "; lower their capacity= or use more machines");
  }
  UniqueFd fd(::memfd_create("mvm-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fail_system("create shared memory for the queues");
  if (::ftruncate(fd.get(), static_cast<off_t>(size.total())) != 0 ||
      ::fallocate(fd.get(), 0, 0, static_cast<off_t>(kAllocatorStart + size.tables())) != 0) {
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

struct Arena::Mapping {
  Mapping(int fd, std::uint64_t size)
      : region(Mappable(fd), bip::read_write, 0, static_cast<std::size_t>(size)) {
    MappedArena::add(static_cast<std::byte*>(region.get_address()), size);
  }
  ~Mapping() { MappedArena::remove(static_cast<std::byte*>(region.get_address())); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bip::mapped_region region;
};

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
  const ArenaSize size(plan);
  auto fd = make_memory(size);
  if (!fd) return fail(fd.error());
  const int descriptor = fd->get();
  auto arena = map(descriptor, size.total(), std::move(*fd));
  if (!arena) return arena;
  if (auto written = write_arena(arena->base(), plan, size, join_group_fences()); !written) {
    return fail(written.error());
  }
  if (auto adopted = arena->adopt(); !adopted) return fail(adopted.error());
  return arena;
}

Result<Arena> Arena::attach(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail_system("look at the arena");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < sizeof(ArenaHeader)) {
    return fail(ErrorCode::kArena, "descriptor ", fd, " holds no arena");
  }
  auto arena = map(fd, size, {});
  if (!arena) return arena;
  if (auto adopted = arena->adopt(); !adopted) return fail(adopted.error());
  return arena;
}

Result<Arena> Arena::map(int fd, std::uint64_t size, UniqueFd keep) {
  try {
    return Arena(std::move(keep), std::make_unique<Mapping>(fd, size));
  } catch (const bip::interprocess_exception& problem) {
    return fail(ErrorCode::kArena, "map ", to_string(Bytes{size}),
                " of address space for the queues: ", problem.what());
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
  if (head.group_fences != 0 && !join_group_fences()) {
    return fail_system("take part in the fences of the group (membarrier), as the queue VM could");
  }
  return {};
}

std::string_view Arena::words(TextRef text) const {
  const auto* at = find(text.at, text.length);
  if (at == nullptr) return {};
  return {reinterpret_cast<const char*>(at), text.length};
}

}  // namespace mvm::queue
