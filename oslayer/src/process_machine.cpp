// SPDX-License-Identifier: Apache-2.0
#include "process_machine.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>

namespace mvm::os {

ProcessMachine::~ProcessMachine() {
  destroy(std::chrono::milliseconds(0));
}

Result<UniqueFd> ProcessMachine::start(const std::vector<std::string>& command) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail_system("make a control connection");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  SpawnRequest request;
  request.arguments = spec_.launch;
  request.arguments.insert(request.arguments.end(), command.begin(), command.end());
  request.environment = current_environment();
  request.standard_input = theirs.get();
  request.standard_output = theirs.get();
  // Not killed with us: it sees its control connection close, and cleans up.
  request.parent_death_signal = 0;
  auto child = spawn(request);
  if (!child) {
    return fail(child.error().code, "machine ", spec_.name, ": ", child.error().message);
  }
  child_ = std::move(*child);
  return ours;
}

void ProcessMachine::destroy(std::chrono::milliseconds patience) {
  if (child_.pid < 0) return;
  pollfd ended{child_.pidfd.get(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(patience.count())) <= 0) ::kill(-child_.pid, SIGKILL);
  while (::waitpid(child_.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = {};
}

}  // namespace mvm::os
