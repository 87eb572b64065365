// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fiber.hpp"

namespace mvm::fiber {

/// The parked fibers that end their wait by a clock: a heap, the earliest first. Each fiber knows
/// its place, so that one that is woken before leaves at once.
class Deadlines {
 public:
  void add(Fiber& fiber, std::int64_t deadline_ns);
  void remove(Fiber& fiber);
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::int64_t first() const { return heap_.front()->deadline_ns; }
  [[nodiscard]] Fiber& earliest() const { return *heap_.front(); }
  [[nodiscard]] bool holds(const Fiber& fiber) const {
    return fiber.deadline_at < heap_.size() && heap_[fiber.deadline_at] == &fiber;
  }

 private:
  void put(std::size_t at, Fiber* fiber);
  void rise(std::size_t at);
  void sink(std::size_t at);

  std::vector<Fiber*> heap_;
};

}  // namespace mvm::fiber
