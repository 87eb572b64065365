// SPDX-License-Identifier: Apache-2.0

// What a task writes to its standard output and error, by C's streams, C++'s, or the system calls.

#include "streams.hpp"

#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include <mvm/types.hpp>

#include "newsletter.hpp"
#include "scheduler.hpp"
#include "task_body.hpp"

namespace mvm::fiber {
namespace {

using queue::worker::NewsKind;

template <NewsKind stream>
ssize_t write_to(void* fiber, const char* bytes, std::size_t size) {
  tell_output(static_cast<Fiber*>(fiber)->spec->task, stream, bytes, size);
  return static_cast<ssize_t>(size);
}

/// The running fiber if the descriptor is one of its standard streams.
Fiber* writer_to(int descriptor) {
  if (descriptor != STDOUT_FILENO && descriptor != STDERR_FILENO) return nullptr;
  return Scheduler::running();
}

NewsKind kind_of(int descriptor) {
  return descriptor == STDOUT_FILENO ? NewsKind::kOutput : NewsKind::kErrors;
}

void tell_unflushed(const Fiber& fiber, const std::FILE* stream, NewsKind kind) {
  if (stream == nullptr || stream->_IO_write_base == nullptr) return;
  if (stream->_IO_write_ptr <= stream->_IO_write_base) return;
  tell_output(fiber.spec->task, kind, stream->_IO_write_base,
              static_cast<std::size_t>(stream->_IO_write_ptr - stream->_IO_write_base));
}

}  // namespace

bool open_streams(Fiber& fiber) {
  fiber.output = ::fopencookie(&fiber, "w", {.write = write_to<NewsKind::kOutput>});
  fiber.errors = ::fopencookie(&fiber, "w", {.write = write_to<NewsKind::kErrors>});
  if (fiber.output == nullptr || fiber.errors == nullptr) return false;
  return std::setvbuf(fiber.errors, nullptr, _IONBF, 0) == 0;
}

void tell_unflushed(const Fiber& fiber) {
  tell_unflushed(fiber, fiber.output, NewsKind::kOutput);
  tell_unflushed(fiber, fiber.errors, NewsKind::kErrors);
}

}  // namespace mvm::fiber

using mvm::fiber::kind_of;
using mvm::fiber::tell_output;
using mvm::fiber::writer_to;

// The worker's symbols come before those of the C library, for the tasks and for libstdc++.
extern "C" {

MVM_API ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto real = reinterpret_cast<decltype(&::write)>(::dlsym(RTLD_NEXT, "write"));
  const auto* fiber = writer_to(descriptor);
  if (fiber == nullptr) return real(descriptor, bytes, size);
  tell_output(fiber->spec->task, kind_of(descriptor), bytes, size);
  return static_cast<ssize_t>(size);
}

MVM_API ssize_t writev(int descriptor, const iovec* pieces, int count) {
  static const auto real = reinterpret_cast<decltype(&::writev)>(::dlsym(RTLD_NEXT, "writev"));
  const auto* fiber = writer_to(descriptor);
  if (fiber == nullptr) return real(descriptor, pieces, count);
  ssize_t size = 0;
  for (int i = 0; i < count; ++i) {
    tell_output(fiber->spec->task, kind_of(descriptor), pieces[i].iov_base, pieces[i].iov_len);
    size += static_cast<ssize_t>(pieces[i].iov_len);
  }
  return size;
}

MVM_API int vdprintf(int descriptor, const char* format, va_list arguments) {
  char* words = nullptr;
  const int length = ::vasprintf(&words, format, arguments);
  if (length < 0) return length;
  const auto written = write(descriptor, words, static_cast<size_t>(length));
  std::free(words);
  return static_cast<int>(written);
}

MVM_API int dprintf(int descriptor, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written = vdprintf(descriptor, format, arguments);
  va_end(arguments);
  return written;
}

}  // extern "C"
