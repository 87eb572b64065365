// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <new>
#include <string>

#include "task.hpp"

namespace mvm {
namespace {

using queue::PortWriter;

[[noreturn]] void refuse(const PortState& state, const std::string& reason) {
  throw error(state.task->name() + ", port " + state.name + ": " + reason);
}

/// Room for a message in the queues that it goes to.
struct RoomToSend {
  PortWriter& writer;
  [[nodiscard]] bool is_there() const { return writer.ready(); }
  /// After `is_there` said false: where there is none.
  [[nodiscard]] queue::QueueWriter& awaited() const { return *writer.awaited(); }
  [[nodiscard]] bool lacks_memory() const { return writer.lacks_memory(); }
  [[nodiscard]] std::int64_t opens_at() const { return writer.ready_at(); }
  void expect(bool waiting) const { writer.expect_room(waiting); }
};

/// Room for a loan in the only queue behind a port.
struct RoomToLend {
  queue::QueueWriter& writer;
  std::size_t size;
  [[nodiscard]] bool is_there() const {
    return writer.receiver_closed() || writer.can_reserve(size);
  }
  [[nodiscard]] queue::QueueWriter& awaited() const { return writer; }
  [[nodiscard]] bool lacks_memory() const { return writer.lacks_memory(size); }
  [[nodiscard]] std::int64_t opens_at() const { return writer.ready_at(); }
  void expect(bool waiting) const { writer.expect_room(waiting); }
};

/// While it lives, receivers ring this task whenever they make room.
template <typename Room>
class ExpectRoom {
 public:
  explicit ExpectRoom(const Room& room) : room_(room) {
    room_.expect(true);
    queue::fence_if_fiber();
  }
  ~ExpectRoom() { room_.expect(false); }
  ExpectRoom(const ExpectRoom&) = delete;
  ExpectRoom& operator=(const ExpectRoom&) = delete;

 private:
  const Room& room_;
};

/// What a wait for room behind this port is, to those who look why a group does not move.
queue::WaitSubject room_at(const PortState& state, const queue::QueueWriter& awaited,
                           std::uint64_t size) {
  return {.kind = queue::WaitKind::kSend,
          .subject = state.position,
          .channel = awaited.number(),
          .size = size,
          .seen = awaited.seen_released(),
          .limited = awaited.ready_at() != queue::kNever || !state.writer->has_memory_for(size)};
}

/// Waits until there is room. False when the time is over.
template <typename Room>
bool wait_for(const Room& room, PortState& state, std::size_t size, std::int64_t deadline) {
  if (room.is_there()) return true;
  Task& task = *state.task;
  if (auto* lines = task.lines()) {
    lines->look();
    if (room.is_there()) return true;
  }
  if (room.lacks_memory()) {
    task.take_memory_back();
    if (room.is_there()) return true;
  }
  if (deadline <= 0) {
    task.give_way();
    return room.is_there();
  }
  const ExpectRoom<Room> expecting(room);
  const auto describe = [&] { return room_at(state, room.awaited(), size); };
  for (;;) {
    // Room may appear by the clock as well, because what is in the queue expires. Of memory that is
    // given back at other ports nobody tells this one.
    const bool polls = room.lacks_memory();
    auto until = std::min(deadline, room.opens_at());
    if (polls) until = std::min(until, queue::group_now_ns(task.clock()) + Task::kMemoryPollNs);
    auto ready =
        queue::ButForMessages{[&] { return room.is_there() || (!polls && room.lacks_memory()); }};
    auto& awaited = room.awaited();
    std::int64_t blocked_ns = 0;
    const bool in_time = task.waiter().at(queue::kForRoom).wait(ready, until, describe, blocked_ns);
    if (blocked_ns > 0) awaited.count_blocked(blocked_ns);
    if (polls) task.take_memory_back();
    if (room.is_there()) return true;
    if (!in_time && until == deadline) return false;
  }
}

void check_open(const PortState& state) {
  if (state.closed) refuse(state, "was closed by this task and cannot send any more");
}

void check_sendable(const PortState& state, std::size_t size) {
  if (!state.writer->can_send()) {
    refuse(state, "nothing can be sent here, the topology has no edge that leaves this port");
  }
  check_open(state);
  if (size > queue::kMaxMessage.count) {
    refuse(state, "a message of " + std::to_string(size) + " bytes is over the limit of " +
                      std::to_string(queue::kMaxMessage.count) + "; send it in parts");
  }
  // Many tasks share the address space of a machine, so each has less of it.
  const auto heap = state.task->endpoint().heap_size;
  if (queue::RingWriter::streaming_size(size) > heap) {
    refuse(state, "a message of " + std::to_string(size) + " bytes does not fit the " +
                      std::to_string(heap) +
                      " bytes that each task of this machine can have under " +
                      "way; send it in parts, or use more machines");
  }
}

[[noreturn]] void throw_full(const PortState& state) {
  throw full(state.task->name() + ", port " + state.name +
             ": the queue is full, and the profile says overflow=\"fail\"");
}

queue::MessageTerms terms_for(const PortState& state, const detail::SendTerms& terms) {
  return {.priority = terms.priority,
          .deadline_ns =
              terms.deadline_ns < 0 ? queue::kNever : state.task->deadline(terms.deadline_ns)};
}

/// Direct lines of this port may have something to carry.
void tell_lines(const PortState& state) {
  for (auto* line : state.lines_out) line->on_sent();
}

/// A send that may have to wait, to choose among queues, or to be refused.
bool send_by_rules(Port& port, const void* data, std::size_t size, std::uint32_t type,
                   const detail::SendTerms& terms) {
  auto& state = PortAccess::state(port);
  check_sendable(state, size);
  auto& writer = *state.writer;
  queue::OutgoingMessage message{
      .data = data, .length = size, .type = type, .terms = terms_for(state, terms), .key = {}};
  if (terms.has_key) message.key = terms.key;
  if (auto aimed = writer.aim(message); !aimed) refuse(state, aimed.error().message);
  auto deadline = state.task->deadline(terms.timeout_ns);
  for (;;) {
    if (!wait_for(RoomToSend{writer}, state, size, deadline)) return false;
    switch (writer.deliver()) {
      case PortWriter::Delivered::kAll:
        tell_lines(state);
        Task::count_message();
        return true;
      case PortWriter::Delivered::kClosed:
        detail::throw_closed(port);
      case PortWriter::Delivered::kRefused:
        if (terms.timeout_ns == 0) return false;
        throw_full(state);
      case PortWriter::Delivered::kTryAgain:
        tell_lines(state);
        deadline = queue::kNoDeadline;  // some receivers have it: the others must get it
    }
  }
}

/// A large message, whose beginning is under way while its end is copied. False where it must wait
/// for room.
bool send_in_parts(PortState& state, const void* data, std::size_t size, std::uint32_t type) {
  constexpr std::size_t kPart = 64 << 10;
  auto& ring = *state.line_ring;
  if (size > queue::kMaxMessage.count || ring.receiver_closed()) return false;
  if (!ring.has_room(size) || !ring.begin(size, type)) return false;
  const auto* bytes = static_cast<const std::byte*>(data);
  for (std::size_t done = 0; done < size; done += kPart) {
    ring.append(bytes + done, std::min(kPart, size - done));
    state.lines_out.front()->pump();
  }
  tell_lines(state);
  return true;
}

/// The common case at a port whose only queue has a direct line.
bool send_over_line(PortState& state, const void* data, std::size_t size, std::uint32_t type) {
  constexpr std::size_t kLarge = 32 << 10;
  if (state.line_ring == nullptr) return false;
  if (size > kLarge) return send_in_parts(state, data, size, type);
  if (!state.line_ring->try_write(data, size, type)) return false;
  state.lines_out.front()->on_sent();
  return true;
}

/// Where loans lie when the queue cannot lend: the message is copied when it is sent.
void* allocate_lines(std::size_t size) {
  return ::operator new(std::max<std::size_t>(size, 1), std::align_val_t{queue::kLine});
}

void free_lines(void* memory) {
  ::operator delete(memory, std::align_val_t{queue::kLine});
}

}  // namespace

namespace detail {

bool send(Port& port, const void* data, std::size_t size, std::uint32_t type,
          const SendTerms& terms) {
  auto& state = PortAccess::state(port);
  state.task->note_sender();
  auto* express = state.express_out;
  if (express != nullptr && express->try_write(data, size, type)) [[likely]]
    return true;
  if (send_over_line(state, data, size, type)) return true;
  return send_by_rules(port, data, size, type, terms);
}

Block loan(Port& port, std::size_t size) {
  auto& state = PortAccess::state(port);
  check_sendable(state, size);
  state.task->note_sender();
  Block block{.size = size, .port = &port};
  queue::QueueWriter* writer = state.writer->sole();
  const bool waits =
      writer != nullptr &&
      static_cast<queue::Overflow>(writer->channel().overflow) == queue::Overflow::kBlock;
  if (writer != nullptr) {
    const RoomToLend room{*writer, size};
    if (waits) wait_for(room, state, size, queue::kNoDeadline);
    if (writer->receiver_closed()) throw_closed(port);
    if (std::byte* memory = room.is_there() ? writer->reserve(size) : nullptr) {
      block.data = memory;
      block.owner = writer;
      return block;
    }
  }
  block.data = allocate_lines(size);
  return block;
}

void send_loan(Port& port, Block& block, std::uint32_t type, const SendTerms& terms) {
  const auto& state = PortAccess::state(port);
  if (block.port != &port) {
    refuse(state, block.port == nullptr
                      ? "this loan was sent or moved away before"
                      : "this loan belongs to port " + std::string(block.port->name()));
  }
  if (block.owner != nullptr) {
    check_open(state);
    state.task->note_sender();
    auto& writer = *static_cast<queue::QueueWriter*>(block.owner);
    if (writer.receiver_closed()) throw_closed(port);
    const auto sent = writer.send_reserved(static_cast<std::byte*>(block.data), block.size, type,
                                           terms_for(state, terms));
    block = {};
    if (sent == queue::Sent::kRefused) throw_full(state);
    tell_lines(state);
    Task::count_message();
  } else {
    send(port, block.data, block.size, type, terms);
    free_lines(block.data);
    block = {};
  }
}

void drop_loan(Block& block) noexcept {
  if (block.owner != nullptr) {
    PortAccess::state(*block.port).task->note_sender();
    static_cast<queue::QueueWriter*>(block.owner)
        ->cancel(static_cast<std::byte*>(block.data), block.size);
  } else {
    free_lines(block.data);
  }
  block = {};
}

}  // namespace detail

void Port::close() {
  auto& state = PortAccess::state(*this);
  state.closed = true;
  state.express_out = state.line_ring = nullptr;
  state.writer->close();
  for (auto* line : state.lines_out) line->end_sending();
}

}  // namespace mvm
