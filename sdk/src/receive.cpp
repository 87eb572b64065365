// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "task.hpp"

namespace mvm {
namespace {

using detail::Block;
using detail::Got;
using queue::Piece;
using queue::QueueReader;
using queue::Taken;

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<void, FreeMemory>;

[[noreturn]] void refuse_corrupt(const PortState& state, const QueueReader& reader) {
  throw error(state.task->name() + ", port " + state.name + ": the queue from " +
              state.task->words_of(reader.channel().sender_words) +
              " was overwritten by some task of this group; look for a write past an array's end");
}

/// The reader whose message is the most urgent; of equals the first from `turn` on. Null when none
/// has a message.
QueueReader* next_available(PortState& state) {
  const auto n = state.readers.size();
  QueueReader* best = nullptr;
  std::size_t next_turn = state.turn;
  for (std::size_t i = 0; i < n; ++i) {
    const auto position = (state.turn + i) % n;
    auto& reader = *state.readers[position];
    if (!reader.available()) continue;
    if (best != nullptr && reader.urgency() >= best->urgency()) continue;
    best = &reader;
    next_turn = (position + 1) % n;
    if (!state.has_urgency) break;
  }
  state.turn = next_turn;
  return best;
}

/// Group time at which a message that is there already may be received; or kNever.
std::int64_t next_due(const PortState& state) {
  auto due = queue::kNever;
  for (const auto& reader : state.readers) due = std::min(due, reader->available_at());
  return due;
}

/// What a wait for a message at this port is, to those who look why a group does not move.
queue::WaitSubject message_at(const PortState& state, bool limited) {
  queue::WaitSubject subject{.kind = queue::WaitKind::kReceive, .subject = state.position};
  for (const auto& reader : state.readers) subject.seen += reader->taken_of_ring();
  subject.limited = limited;
  return subject;
}

void count_blocked(PortState& state, std::int64_t nanoseconds) {
  if (nanoseconds == 0) return;
  for (const auto& reader : state.readers) reader->count_blocked(nanoseconds);
}

bool all_ended(PortState& state) {
  return std::all_of(state.readers.begin(), state.readers.end(),
                     [](const auto& reader) { return reader->ended(); });
}

/// Takes the fragment after one that said that more follows: its sender is about to publish it.
/// False when the sender died in between: then the message never was.
bool take_following(PortState& state, QueueReader& reader, Piece& piece) {
  for (;;) {
    switch (reader.take(piece)) {
      case Taken::kPiece:
        return true;
      case Taken::kCorrupt:
        refuse_corrupt(state, reader);
      case Taken::kNothing:
        break;
    }
    std::int64_t blocked_ns = 0;
    state.task->waiter().wait([&] { return reader.available() || reader.ended(); },
                              queue::kNoDeadline, [&] { return message_at(state, true); },
                              blocked_ns);
    reader.count_blocked(blocked_ns);
    if (reader.ended()) return false;
  }
}

/// Copies a message of several fragments to `to`, giving each back as soon as it is copied, so that
/// the sender fills the next meanwhile. `room` is checked by the caller. False: it never was whole.
bool copy_fragments(PortState& state, QueueReader& reader, Piece piece, std::byte* to,
                    std::uint64_t room) {
  for (;;) {
    if (piece.length > room) refuse_corrupt(state, reader);
    if (to != nullptr) {
      std::memcpy(to, piece.data, piece.length);
      to += piece.length;
    }
    room -= piece.length;
    reader.give_back(reader.cookie_of(piece), piece.more);
    if (!piece.more) {
      if (room != 0 && to != nullptr) refuse_corrupt(state, reader);
      return true;
    }
    if (!take_following(state, reader, piece)) return false;
  }
}

/// Turns the taken first fragment into a message. False when it never was whole.
bool complete(Port& port, PortState& state, QueueReader& reader, const Piece& piece, Block& out) {
  if (!piece.more) {
    // A view: the fragment goes back when the message is released.
    out = {.data = const_cast<std::byte*>(piece.data),
           .size = piece.length,
           .port = &port,
           .cookie = reader.cookie_of(piece),
           .owner = &reader,
           .type = piece.type,
           .priority = piece.priority,
           .late = piece.late};
    return true;
  }
  Memory memory(std::malloc(piece.message_length));
  if (!memory) throw std::bad_alloc();
  if (!copy_fragments(state, reader, piece, static_cast<std::byte*>(memory.get()),
                      piece.message_length)) {
    return false;
  }
  out = {.data = memory.release(),
         .size = piece.message_length,
         .port = &port,
         .cookie = 0,
         .owner = nullptr,
         .type = piece.type};
  return true;
}

/// Waits for a fragment on any reader of a port and takes it. Null: nothing in time, or the end.
QueueReader* take_first(PortState& state, Piece& piece, std::int64_t timeout_ns, Got& got) {
  if (state.readers.empty()) {
    throw error(state.task->name() + ", port " + state.name +
                ": nothing can be received here, the topology has no edge that arrives");
  }
  const auto deadline = state.task->deadline(timeout_ns);
  for (;;) {
    QueueReader* reader = next_available(state);
    if (reader == nullptr) {
      // Without an end there can only be messages: check for it last, when there is none. What is
      // there but not due yet limits the wait.
      const auto until = std::min(deadline, next_due(state));
      const auto ready = [&] {
        return (reader = next_available(state)) != nullptr || all_ended(state) ||
               next_due(state) < until;
      };
      std::int64_t blocked_ns = 0;
      const bool woken = state.task->waiter().wait(
          ready, until, [&] { return message_at(state, false); }, blocked_ns);
      count_blocked(state, blocked_ns);
      if (!woken && until == deadline) {
        got = all_ended(state) ? Got::kEnd : Got::kNothing;
        return nullptr;
      }
    }
    if (reader == nullptr) {
      if (!all_ended(state)) continue;
      got = Got::kEnd;
      return nullptr;
    }
    const auto taken = reader->take(piece);
    if (taken == Taken::kPiece) return reader;
    if (taken == Taken::kCorrupt) refuse_corrupt(state, *reader);
    // A competitor was quicker: wait again.
  }
}

}  // namespace

namespace detail {

Got receive(Port& port, Block& out, std::int64_t timeout_ns) {
  auto& state = PortAccess::state(port);
  for (;;) {
    Piece piece;
    Got got = Got::kNothing;
    QueueReader* reader = take_first(state, piece, timeout_ns, got);
    if (reader == nullptr) return got;
    if (complete(port, state, *reader, piece, out)) return Got::kMessage;
  }
}

Got receive_into(Port& port, void* data, std::size_t& size, std::uint32_t type,
                 std::int64_t timeout_ns) {
  auto& state = PortAccess::state(port);
  for (;;) {
    Piece piece;
    Got got = Got::kNothing;
    QueueReader* reader = take_first(state, piece, timeout_ns, got);
    if (reader == nullptr) return got;
    const bool type_fits = type == 0 || piece.type == 0 || type == piece.type;
    if (piece.message_length > size || !type_fits) {
      const Block block{.data = nullptr,
                        .size = piece.message_length,
                        .port = &port,
                        .cookie = 0,
                        .owner = nullptr,
                        .type = piece.type};
      copy_fragments(state, *reader, piece, nullptr, piece.message_length);
      throw_mismatch(block, type, size);
    }
    if (copy_fragments(state, *reader, piece, static_cast<std::byte*>(data),
                       piece.message_length)) {
      size = piece.message_length;
      return Got::kMessage;
    }
  }
}

void release(Block& block) noexcept {
  if (block.owner != nullptr) {
    static_cast<QueueReader*>(block.owner)->give_back(block.cookie, false);
  } else {
    std::free(block.data);
  }
}

}  // namespace detail

namespace {

/// The first inlet of the task, from its turn on, that has a message.
Inlet* next_inlet(Task& task) {
  const auto n = task.inlets.size();
  for (std::size_t i = 0; i < n; ++i) {
    auto& inlet = task.inlets[(task.inlet_turn + i) % n];
    if (inlet.reader->available()) {
      task.inlet_turn = (task.inlet_turn + i + 1) % n;
      return &inlet;
    }
  }
  return nullptr;
}

std::int64_t next_inlet_due(const Task& task) {
  auto due = queue::kNever;
  for (const auto& inlet : task.inlets) due = std::min(due, inlet.reader->available_at());
  return due;
}

queue::WaitSubject message_anywhere(const Task& task) {
  queue::WaitSubject subject{.kind = queue::WaitKind::kReceiveAny};
  for (const auto& inlet : task.inlets) subject.seen += inlet.reader->taken_of_ring();
  return subject;
}

bool all_inlets_ended(Task& task) {
  return std::all_of(task.inlets.begin(), task.inlets.end(),
                     [](const Inlet& inlet) { return inlet.reader->ended(); });
}

}  // namespace

struct JobAccess {
  static Task& task(const Job& job) { return *static_cast<Task*>(job.state_); }
};

namespace detail {

Got receive_any(Job& job, Block& out, std::int64_t timeout_ns) {
  Task& task = JobAccess::task(job);
  const auto deadline = task.deadline(timeout_ns);
  for (;;) {
    Inlet* inlet = next_inlet(task);
    if (inlet == nullptr) {
      const auto until = std::min(deadline, next_inlet_due(task));
      const auto ready = [&] {
        return (inlet = next_inlet(task)) != nullptr || all_inlets_ended(task) ||
               next_inlet_due(task) < until;
      };
      std::int64_t blocked_ns = 0;
      const bool woken =
          task.waiter().wait(ready, until, [&] { return message_anywhere(task); }, blocked_ns);
      if (blocked_ns > 0) {
        for (auto& waiting : task.inlets) waiting.reader->count_blocked(blocked_ns);
      }
      if (!woken && until == deadline) {
        return all_inlets_ended(task) ? Got::kEnd : Got::kNothing;
      }
      if (inlet == nullptr) {
        if (all_inlets_ended(task)) return Got::kEnd;
        continue;
      }
    }
    auto& state = PortAccess::state(*inlet->port);
    Piece piece;
    const auto taken = inlet->reader->take(piece);
    if (taken == Taken::kCorrupt) refuse_corrupt(state, *inlet->reader);
    if (taken == Taken::kPiece && complete(*inlet->port, state, *inlet->reader, piece, out)) {
      return Got::kMessage;
    }
  }
}

}  // namespace detail

bool Port::ended() const {
  auto& state = PortAccess::state(*this);
  return all_ended(state);
}

}  // namespace mvm
