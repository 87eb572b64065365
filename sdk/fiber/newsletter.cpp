// SPDX-License-Identifier: Apache-2.0
#include "newsletter.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mvm::fiber {
namespace {

using queue::worker::News;
using queue::worker::NewsKind;

std::int64_t nanoseconds(const timeval& time) {
  return (std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec) * 1000;
}

}  // namespace

void tell(const News& news, const void* bytes) {
  char frame[sizeof news + queue::worker::kMaxNewsBytes];
  std::memcpy(frame, &news, sizeof news);
  if (news.length > 0) std::memcpy(frame + sizeof news, bytes, news.length);
  const int error = errno;
  // Not `write`, which is a task's: see streams.cpp.
  while (::syscall(SYS_write, queue::worker::kNewsDescriptor, frame, sizeof news + news.length) <
             0 &&
         errno == EINTR) {
  }
  errno = error;
}

void tell_output(std::uint32_t task, NewsKind stream, const void* bytes, std::size_t size) {
  const auto* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const auto length = std::min(size, queue::worker::kMaxNewsBytes);
    tell({.task = task, .kind = stream, .length = length}, at);
    at += length;
    size -= length;
  }
}

void tell_end(std::uint32_t task, NewsKind kind, int status, std::size_t unfinished,
              std::size_t all) {
  static std::int64_t told_ns = 0;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto used_ns = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
  const auto share_ns = (used_ns - told_ns) / static_cast<std::int64_t>(unfinished);
  told_ns += share_ns;
  tell({.task = task,
        .kind = kind,
        .status = status,
        .cpu_ns = share_ns,
        .memory = (static_cast<std::uint64_t>(usage.ru_maxrss) << 10) / all});
}

}  // namespace mvm::fiber
