// SPDX-License-Identifier: GPL-3.0-or-later
#include "key_lock.hpp"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include <mvm/base/clock.hpp>

namespace mvm::build {
namespace {

/// How often a waiting build looks whether the other one has ended. The kernel could wake us, but
/// not for a lock and for the user's wish to stop at once.
constexpr int kLookAgain_ms = 5;

struct flock byte_range(off_t at) {
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = at;
  range.l_len = 1;
  return range;
}

/// Byte 0 is the structure's; a key's byte comes from its first 62 bits. Two keys on one byte would
/// only wait for each other.
off_t byte_of(const Digest& key) {
  std::uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word = word << 8 | key.bytes[static_cast<std::size_t>(i)];
  return static_cast<off_t>((word >> 2) + 1);
}

UniqueFd open_lock(const std::filesystem::path& lock_file) {
  return UniqueFd(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

bool try_lock(int fd, off_t at) {
  auto range = byte_range(at);
  return ::fcntl(fd, F_OFD_SETLK, &range) == 0;
}

}  // namespace

std::optional<KeyLock> KeyLock::try_take(const std::filesystem::path& lock_file,
                                         const Digest& key) {
  auto fd = open_lock(lock_file);
  if (!fd || !try_lock(fd.get(), byte_of(key))) return {};
  return KeyLock(std::move(fd));
}

Result<KeyLock> KeyLock::take(const std::filesystem::path& lock_file, const Digest& key,
                              std::chrono::milliseconds limit, int cancel) {
  auto fd = open_lock(lock_file);
  if (!fd) return fail_system("open ", lock_file.string());
  const auto deadline = now() + limit;
  while (!try_lock(fd.get(), byte_of(key))) {
    if (errno != EAGAIN && errno != EACCES) return fail_system("lock ", lock_file.string());
    pollfd wish{cancel, POLLIN, 0};
    if (::poll(&wish, 1, kLookAgain_ms) > 0) return fail(ErrorCode::kInterrupted, "interrupted");
    if (now() > deadline) return fail(ErrorCode::kTimedOut, "another build holds the lock");
  }
  return KeyLock(std::move(fd));
}

Result<KeyLock> KeyLock::take_structure(const std::filesystem::path& lock_file) {
  auto fd = open_lock(lock_file);
  if (!fd) return fail_system("open ", lock_file.string());
  auto range = byte_range(0);
  while (::fcntl(fd.get(), F_OFD_SETLKW, &range) != 0) {
    if (errno != EINTR) return fail_system("lock ", lock_file.string());
  }
  return KeyLock(std::move(fd));
}

}  // namespace mvm::build
