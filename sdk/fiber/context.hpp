// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace mvm::fiber {

/// A line of execution that stands still: where it goes on, and its registers, on its own stack.
using Context = void*;

/// Who came, and what it brought.
struct Arrival {
  Context from;
  void* with;
};

/// Goes on at `to`, which finds `with` and the context of whoever left. Comes back when somebody
/// jumps to that. Floating-point control is part of a context.
Arrival jump(Context to, void* with);

/// A context that has not begun: `entry` runs on the stack that ends at `stack_end`, and never
/// returns.
[[nodiscard]] Context begin_at(std::byte* stack_end, std::size_t stack_size,
                               void (*entry)(Arrival arrival));

}  // namespace mvm::fiber
