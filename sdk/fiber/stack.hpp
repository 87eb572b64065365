// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>

namespace mvm::fiber {

/// A fiber's stack: address space that becomes memory as it is touched, with a page below it that
/// nobody may touch, so that who needs more falls at once and not over another's memory.
class Stack {
 public:
  Stack() = default;
  /// Errors: kLimit when there is no address space, or there are too many mappings.
  [[nodiscard]] static Result<Stack> make(Bytes size);
  Stack(Stack&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Stack& operator=(Stack&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Stack();

  [[nodiscard]] std::byte* end() const { return base_ + size_; }
  /// Without the guard.
  [[nodiscard]] std::size_t size() const;
  /// Gives the host back what lies below the caller's frames.
  void trim();
  [[nodiscard]] bool guard_holds(const void* address) const;

 private:
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mvm::fiber
