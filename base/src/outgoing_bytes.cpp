// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/outgoing_bytes.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace mvm {
namespace {

/// What was written is forgotten in steps of this size, so that a long queue is not moved each
/// time.
constexpr std::size_t kForgetStep = 1 << 20;

ssize_t write_some(int fd, std::string_view bytes) {
  const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  return ::write(fd, bytes.data(), bytes.size());
}

}  // namespace

bool OutgoingBytes::flush(int fd) {
  while (!empty()) {
    const auto written = write_some(fd, std::string_view(bytes_).substr(written_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) break;
    if (written < 0) return false;
    written_ += static_cast<std::size_t>(written);
  }
  if (empty() || written_ >= kForgetStep) {
    bytes_.erase(0, written_);
    written_ = 0;
  }
  return true;
}

}  // namespace mvm
