// SPDX-License-Identifier: GPL-3.0-or-later
#include "interrupt.hpp"

#include <poll.h>
#include <sys/signalfd.h>

#include <csignal>

namespace mvm::cli {

Result<Interrupt> Interrupt::watch() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, signal);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  // A reader that goes away is an error of write, and then a reason to stop in good order.
  ::signal(SIGPIPE, SIG_IGN);
  // And so is a file that may grow no more.
  ::signal(SIGXFSZ, SIG_IGN);
  Interrupt interrupt;
  interrupt.signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!interrupt.signals_) return fail_system("watch for signals");
  return interrupt;
}

bool Interrupt::pending() const {
  pollfd wait{signals_.get(), POLLIN, 0};
  return ::poll(&wait, 1, 0) > 0;
}

}  // namespace mvm::cli
