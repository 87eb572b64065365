// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace mvm::test {

/// Moves the tests into a world of their own: namespaces of network, processes, mounts, host name
/// and IPC. What they do there is seen by nobody outside, leaves no names behind, and ends with
/// them, also when they are killed. Needs no root where the kernel lets users make namespaces.
///
/// Call first thing in `main`, with one thread. Continues in a process inside of the world, while
/// the process that called waits for it and exits with its status. Gives nothing; or, where the
/// kernel forbids it, stays outside and gives the reason.
[[nodiscard]] std::string enter_world();

/// Whether this process came from `enter_world`. Nothing may change networks anywhere else.
[[nodiscard]] bool in_world();

/// The word that makes this program the first process of a host; see `be_host`.
inline constexpr const char* kBeHost = "--be-host";

/// Makes the namespaces of one host, and waits for the end of its first process, which does nothing
/// but bury the dead. Says on standard output "first PID" of that process, and "ready" when its
/// mounts and name are there, in any order, a line each. Gives an exit status.
[[nodiscard]] int be_host(const char* name);

}  // namespace mvm::test
