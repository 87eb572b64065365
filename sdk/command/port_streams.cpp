// SPDX-License-Identifier: Apache-2.0
#include "port_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include <mvm/base/file.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::command {

namespace {

/// Messages are gathered up to this size before they are written: what a pipe holds by default.
constexpr std::size_t kBatch = 64 << 10;

std::string_view name_of(const Port& port) {
  return port.name();
}

/// What was read; empty at the end of the stream, or when the program has ended and left no more.
std::string_view read_some(int fd, int program, char* buffer, std::size_t size) {
  for (;;) {
    pollfd sources[] = {{fd, POLLIN, 0}, {program, POLLIN, 0}};
    if (::poll(sources, 2, -1) < 0) continue;
    const auto got = ::read(fd, buffer, size);
    if (got >= 0) return {buffer, static_cast<std::size_t>(got)};
    if (errno == EINTR) continue;
    if (errno != EAGAIN || sources[1].revents != 0) return {};
  }
}

void send_all(RecordCutter& cutter, bool at_end, Port& port) {
  for (;;) {
    const auto message = at_end ? cutter.last() : cutter.next();
    if (!message) {
      throw error(text("port ", name_of(port),
                       ": what the command writes cannot be sent: ", message.error().message));
    }
    if (!*message) return;
    port.send_bytes((*message)->data(), (*message)->size());
  }
}

}  // namespace

void feed(Port& port, RecordFormat format, UniqueFd standard_input) {
  std::string batch;
  while (auto message = port.next<Message>()) {
    append_record(batch, format, message->text());
    message->release();
    while (batch.size() < kBatch) {
      const auto more = port.try_receive<Message>();
      if (!more) break;
      append_record(batch, format, more->text());
    }
    if (!write_all(standard_input.get(), batch)) return;  // the command reads no more
    batch.clear();
    if (batch.capacity() > 16 * kBatch) batch.shrink_to_fit();
  }
}

void drain(UniqueFd standard_output, RecordFormat format, Port& port, int program) {
  ::fcntl(standard_output.get(), F_SETFL, O_NONBLOCK);
  RecordCutter cutter(format, queue::kMaxMessage);
  char buffer[kBatch];
  for (;;) {
    const auto bytes = read_some(standard_output.get(), program, buffer, sizeof buffer);
    if (bytes.empty()) break;
    cutter.feed(bytes);
    send_all(cutter, false, port);
  }
  send_all(cutter, true, port);
  port.close();
}

}  // namespace mvm::command
