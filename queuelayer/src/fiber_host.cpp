// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/fiber_host.hpp>

#include <atomic>
#include <span>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/futex.hpp>

#include "mapped_arenas.hpp"

namespace mvm::queue {

constinit thread_local FiberHost* FiberHost::of_this_thread_ = nullptr;
constinit FiberHost* FiberHost::of_this_process_ = nullptr;

namespace {

using Word = std::atomic<std::uint64_t>;

void set_bit(std::span<Word> words, std::uint32_t bit) {
  words[bit / kWokenBits].fetch_or(std::uint64_t{1} << bit % kWokenBits, std::memory_order_release);
}

template <typename AnyArena>
void wake(const AnyArena& arena, const EndpointRecord& endpoint) {
  const auto workers = arena.template list<WorkerRecord>(arena.header().workers);
  const auto number = endpoint.worker;
  const auto fiber = endpoint.fiber;
  if (number == 0 || number > workers.size()) return;
  WorkerRecord& worker = workers[number - 1];
  const auto woken = arena.template list<Word>(worker.woken);
  const auto summary = arena.template list<Word>(worker.summary);
  const auto word = fiber / kWokenBits;
  if (word >= woken.size() || word / kWokenBits >= summary.size()) return;
  set_bit(woken, fiber);
  set_bit(summary, word);  // after the word: see waiter.hpp
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (worker.asleep.load(std::memory_order_relaxed) == 0) return;
  worker.bell.fetch_add(1, std::memory_order_release);
  futex_wake_all(worker.bell);
}

}  // namespace

void wake_fiber_elsewhere(EndpointRecord& endpoint) {
  MappedArena::visit(&endpoint, [&](const MappedArena& arena) { wake(arena, endpoint); });
}

void wake_fiber_elsewhere(const Arena& arena, const EndpointRecord& endpoint) {
  wake(arena, endpoint);
}

}  // namespace mvm::queue
