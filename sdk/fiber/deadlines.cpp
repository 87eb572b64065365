// SPDX-License-Identifier: Apache-2.0
#include "deadlines.hpp"

namespace mvm::fiber {

void Deadlines::put(std::size_t at, Fiber* fiber) {
  heap_[at] = fiber;
  fiber->deadline_at = at;
}

void Deadlines::add(Fiber& fiber, std::int64_t deadline_ns) {
  fiber.deadline_ns = deadline_ns;
  heap_.push_back(&fiber);
  rise(heap_.size() - 1);
}

void Deadlines::remove(Fiber& fiber) {
  const auto at = fiber.deadline_at;
  fiber.deadline_at = kNowhere;
  Fiber* last = heap_.back();
  heap_.pop_back();
  if (last == &fiber) return;
  put(at, last);
  rise(at);
  sink(last->deadline_at);
}

void Deadlines::rise(std::size_t at) {
  Fiber* fiber = heap_[at];
  while (at > 0) {
    const auto parent = (at - 1) / 2;
    if (heap_[parent]->deadline_ns <= fiber->deadline_ns) break;
    put(at, heap_[parent]);
    at = parent;
  }
  put(at, fiber);
}

void Deadlines::sink(std::size_t at) {
  Fiber* fiber = heap_[at];
  for (;;) {
    auto child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->deadline_ns < heap_[child]->deadline_ns) {
      ++child;
    }
    if (heap_[child]->deadline_ns >= fiber->deadline_ns) break;
    put(at, heap_[child]);
    at = child;
  }
  put(at, fiber);
}

}  // namespace mvm::fiber
