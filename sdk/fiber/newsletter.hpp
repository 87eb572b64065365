// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <mvm/queuelayer/worker_protocol.hpp>

namespace mvm::fiber {

struct Fiber;

/// Tells the queue VM. From any thread, and from signal handlers. Waits while the queue VM does not
/// read.
void tell(const queue::worker::News& news, const void* bytes = nullptr);

/// Bytes of a task's output, in pieces.
void tell_output(std::uint32_t task, queue::worker::NewsKind stream, const void* bytes,
                 std::size_t size);

/// That a task has ended, with its share of the worker's use of the host. `unfinished`: tasks that
/// share what was not shared out yet, with it; `all`: those that share the memory.
void tell_end(std::uint32_t task, queue::worker::NewsKind kind, int status, std::size_t unfinished,
              std::size_t all);

}  // namespace mvm::fiber
