// SPDX-License-Identifier: GPL-3.0-or-later
#include "patient_output.hpp"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace mvm::cli {
namespace {

/// For a reader to take something, when the user wants to stop.
constexpr int kPatienceMs = 1000;

}  // namespace

bool PatientOutput::write(int fd, std::string_view bytes) {
  while (!bytes.empty() && !stopped_) {
    if (!wait_for_room(fd)) {
      stopped_ = interrupted_ = true;
      break;
    }
    // A pipe that has room has room for this much.
    const auto written = ::write(fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (written < 0 && errno != EINTR && errno != EAGAIN) stopped_ = true;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return !stopped_;
}

/// Also true when writing will tell that there is no reader.
bool PatientOutput::wait_for_room(int fd) {
  pollfd awaited[] = {{fd, POLLOUT, 0}, {interrupt_, POLLIN, 0}};
  while (::poll(awaited, 2, -1) < 0 && errno == EINTR) {
  }
  if (awaited[0].revents != 0) return true;
  return ::poll(awaited, 1, kPatienceMs) != 0;
}

}  // namespace mvm::cli
