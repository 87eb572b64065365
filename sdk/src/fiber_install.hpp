// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mvm/queuelayer/fiber_host.hpp>
#include <mvm/types.hpp>

namespace mvm {

/// Makes this libmvm's tasks of the calling thread fibers of `host`. For the worker program, which
/// is built and installed together with libmvm.
MVM_API void run_fibers_by(queue::FiberHost& host);

}  // namespace mvm
