// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fiber.hpp"

namespace mvm::fiber {

/// Gives a fiber its standard streams: what is written to them is told to the queue VM as the
/// task's. False when memory is short.
[[nodiscard]] bool open_streams(Fiber& fiber);

/// Tells what a stream holds that was not flushed. For signal handlers: it takes no lock and leaves
/// the stream as it is.
void tell_unflushed(const Fiber& fiber);

}  // namespace mvm::fiber
