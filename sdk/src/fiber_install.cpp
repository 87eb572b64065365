// SPDX-License-Identifier: Apache-2.0
#include "fiber_install.hpp"

namespace mvm {

void run_fibers_by(queue::FiberHost& host) {
  queue::FiberHost::install(host);
}

}  // namespace mvm
