// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <mvm/queuelayer/fiber_host.hpp>
#include <mvm/queuelayer/worker_protocol.hpp>

#include "context.hpp"
#include "stack.hpp"

namespace mvm::fiber {

enum class State : std::uint8_t { kRunnable, kRunning, kParked, kEnded };

/// A destructor of a thread_local object.
struct ThreadExit {
  void (*destroy)(void*);
  void* object;
};

inline constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

/// One task of this worker.
struct Fiber {
  explicit Fiber(const queue::worker::FiberSpec& what) : spec(&what) {}
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  const queue::worker::FiberSpec* spec;
  Context context = nullptr;
  Stack stack;
  State state = State::kRunnable;
  Fiber* next = nullptr;  ///< runnable

  // While it is parked.
  const queue::ParkedWait* wait = nullptr;  ///< null: no wait of the SDK
  Fiber* parked_before = nullptr;           ///< among those whose wait is not noted
  Fiber* parked_after = nullptr;
  std::uint64_t parked_in = 0;  ///< period
  bool is_unnoted = false;
  std::size_t lookout_at = kNowhere;  ///< among the scheduler's lookouts
  bool is_late = false;               ///< its deadline has woken it
  std::int64_t deadline_ns = 0;
  std::size_t deadline_at = kNowhere;  ///< in its heap

  bool is_looked_after = false;  ///< as others are told: EndpointRecord::looked_after
  std::uint8_t withdrawals = 0;  ///< how often they were told otherwise again

  // What a process has for itself.
  std::FILE* output = nullptr;
  std::FILE* errors = nullptr;
  std::string directory;       ///< absolute
  bool has_directory = false;  ///< it was made, or found, when the task looked for it first
  queue::FiberEnding ending;
  std::terminate_handler terminate_handler = nullptr;
  std::vector<ThreadExit> thread_exits;
  void* image = nullptr;  ///< the handle of its copy of the program
  bool exits = false;     ///< is in `exit`
};

/// Makes a fiber's working directory, unless that was done.
void make_directory(Fiber& fiber);

}  // namespace mvm::fiber
