// SPDX-License-Identifier: Apache-2.0
#include "stack.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace mvm::fiber {
namespace {

constexpr std::size_t kPage = 4096;
/// From here on the kernel might back a stack with huge pages, of which a fiber touches a corner.
constexpr std::size_t kHugePage = 2 << 20;

}  // namespace

Result<Stack> Stack::make(Bytes size) {
  Stack stack;
  stack.size_ = (size.count + kPage - 1) / kPage * kPage + kPage;
  void* memory = ::mmap(nullptr, stack.size_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED || ::mprotect(memory, kPage, PROT_NONE) != 0) {
    const int problem = errno;
    if (memory != MAP_FAILED) ::munmap(memory, stack.size_);
    stack.size_ = 0;
    return fail(ErrorCode::kLimit, "no stack of ", to_string(size),
                " for one more fiber: ", std::strerror(problem),
                "; raise vm.max_map_count, or use more machines");
  }
  stack.base_ = static_cast<std::byte*>(memory);
  if (stack.size_ >= kHugePage) ::madvise(memory, stack.size_, MADV_NOHUGEPAGE);
  return stack;
}

Stack::~Stack() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

void Stack::trim() {
  // Frames of what is called from here lie within this.
  constexpr std::uintptr_t kInUse = 1024;
  const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto used = (frame - kInUse) / kPage * kPage;
  const auto low = reinterpret_cast<std::uintptr_t>(base_) + kPage;
  if (used > low) ::madvise(base_ + kPage, used - low, MADV_DONTNEED);
}

std::size_t Stack::size() const {
  return size_ - kPage;
}

bool Stack::guard_holds(const void* address) const {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto base = reinterpret_cast<std::uintptr_t>(base_);
  return base_ != nullptr && at >= base && at - base < kPage;
}

}  // namespace mvm::fiber
