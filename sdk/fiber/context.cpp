// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <boost/context/detail/fcontext.hpp>

namespace mvm::fiber {

// Boost's layer of assembly, below its classes: a context here has no owner, and a fiber that ends
// is never unwound.
namespace boost_context = boost::context::detail;

Arrival jump(Context to, void* with) {
  const auto [from, brought] = boost_context::jump_fcontext(to, with);
  return {from, brought};
}

Context begin_at(std::byte* stack_end, std::size_t stack_size, void (*entry)(Arrival arrival)) {
  // The two structs are alike: a context, then a pointer.
  static_assert(sizeof(Arrival) == sizeof(boost_context::transfer_t));
  const auto plain = reinterpret_cast<void (*)()>(entry);
  return boost_context::make_fcontext(stack_end, stack_size,
                                      reinterpret_cast<void (*)(boost_context::transfer_t)>(plain));
}

}  // namespace mvm::fiber
