// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "task.hpp"

namespace mvm {
namespace {

using detail::Block;
using detail::Got;
using queue::Piece;
using queue::Taken;

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte, FreeMemory>;

[[noreturn]] void refuse(const Inlet& inlet, const std::string& what) {
  const auto& state = PortAccess::state(*inlet.port);
  throw error(state.task->name() + ", port " + state.name + ": " + what);
}

std::string sender_of(const Inlet& inlet) {
  const auto& state = PortAccess::state(*inlet.port);
  return state.task->words_of(inlet.reader.channel().sender_words);
}

[[noreturn]] void refuse_corrupt(const Inlet& inlet) {
  refuse(inlet, "the queue from " + sender_of(inlet) +
                    " was overwritten by some task of this group; look for a write past an "
                    "array's end");
}

// The inlets of one port, and those of a whole task, are waited for in the same way.

template <typename Inlets>
bool all_ended(const Inlets& inlets) {
  return std::all_of(inlets.begin(), inlets.end(),
                     [](const auto& inlet) { return inlet->reader.ended(); });
}

/// Group time at which a message that is there already may be received; or kNever.
template <typename Inlets>
std::int64_t next_due(const Inlets& inlets) {
  auto due = queue::kNever;
  for (const auto& inlet : inlets) due = std::min(due, inlet->reader.available_at());
  return due;
}

/// The inlet whose message is the most urgent; of equals the first from `turn` on. Null when none
/// has a message.
template <typename Inlets>
Inlet* next_available(const Inlets& inlets, std::size_t& turn, bool has_urgency) {
  const auto n = inlets.size();
  Inlet* best = nullptr;
  std::size_t next_turn = turn;
  for (std::size_t i = 0; i < n; ++i) {
    const auto position = (turn + i) % n;
    auto& inlet = *inlets[position];
    if (!inlet.reader.available()) continue;
    if (best != nullptr && inlet.reader.urgency() >= best->reader.urgency()) continue;
    best = &inlet;
    next_turn = (position + 1) % n;
    if (!has_urgency) break;
  }
  turn = next_turn;
  return best;
}

/// What such a wait is, to those who look why a group does not move.
template <typename Inlets>
queue::WaitSubject subject_of(const Inlets& inlets, queue::WaitKind kind, std::uint32_t position) {
  queue::WaitSubject subject{.kind = kind, .subject = position};
  for (const auto& inlet : inlets) subject.seen += inlet->reader.taken_of_ring();
  return subject;
}

template <typename Inlets>
void count_blocked(const Inlets& inlets, std::int64_t nanoseconds) {
  if (nanoseconds == 0) return;
  for (const auto& inlet : inlets) inlet->reader.count_blocked(nanoseconds);
}

/// Waits for a fragment on any of the inlets and takes it. Null: nothing in time, or the end.
template <typename Inlets, typename Next>
Inlet* take_first(Task& task, const Inlets& inlets, const queue::WaitSubject& waiting, Next&& next,
                  queue::Pace pace, Piece& piece, std::int64_t timeout_ns, Got& got) {
  const auto deadline = task.deadline(timeout_ns);
  for (;;) {
    Inlet* inlet = next();
    if (inlet == nullptr) {
      // Without an end there can only be messages: check for it last, when there is none. What is
      // there but not due yet limits the wait.
      const auto until = std::min(deadline, next_due(inlets));
      const auto ready = [&] {
        return (inlet = next()) != nullptr || all_ended(inlets) || next_due(inlets) < until;
      };
      const auto describe = [&] { return subject_of(inlets, waiting.kind, waiting.subject); };
      std::int64_t blocked_ns = 0;
      const bool woken = task.waiter().at(pace).wait(ready, until, describe, blocked_ns);
      count_blocked(inlets, blocked_ns);
      if (!woken && until == deadline) {
        got = all_ended(inlets) ? Got::kEnd : Got::kNothing;
        return nullptr;
      }
    }
    if (inlet == nullptr) {
      if (!all_ended(inlets)) continue;
      got = Got::kEnd;
      return nullptr;
    }
    const auto taken = inlet->reader.take(piece);
    if (taken == Taken::kPiece) {
      Task::count_message();
      return inlet;
    }
    if (taken == Taken::kCorrupt) refuse_corrupt(*inlet);
    // A competitor was quicker: wait again.
  }
}

/// A sender who brought several messages since the last wait, or one as soon as this end began to
/// look and not in answer to anything, will bring more while it looks away, and is quicker for it.
queue::Pace next_pace(PortState& state) {
  constexpr std::uint64_t kSeveral = 2;
  constexpr std::uint32_t kLongest = 16;
  const auto records = state.express_in->reader.ring()->records();
  const bool several = records - std::exchange(state.records_before, records) > kSeveral;
  const auto sends = state.task->sends();
  const bool answers = sends != std::exchange(state.sends_before, sends);
  const auto pauses = state.pace.first;
  const bool more = several || (pauses == 1 && state.came_at_once && !answers);
  state.pace.first = more ? std::min(2 * pauses, kLongest) : std::max(pauses / 2, 1u);
  state.pace.most = state.pace.first;
  return state.pace;
}

/// What a fiber waits for that has nothing to receive but from this ring.
struct NextOrEnd {
  queue::RingReader& ring;
  bool operator()() const { return ring.available() || ring.ended(); }
  void tell(queue::ParkedWait& wait) const {
    wait.what = queue::ParkedWait::For::kNextMessage;
    wait.announcement = &ring.announcement();
    wait.from_elsewhere = !queue::FiberHost::runs_here(ring.sender());
  }
};

/// A fiber's wait for `express_in`, or its end.
void park_for_express(PortState& state) {
  auto& reader = state.express_in->reader;
  const auto describe = [&] {
    return subject_of(state.inlets, queue::WaitKind::kReceive, state.position);
  };
  std::int64_t blocked_ns = 0;
  state.task->waiter().wait(NextOrEnd{*reader.ring()}, queue::kNoDeadline, describe, blocked_ns);
  if (blocked_ns != 0) reader.count_blocked(blocked_ns);
}

/// Looks for a message that is about to come: waits too short for the waiter to be asked. A fiber,
/// whose waits are all short to it, waits for as long as it takes.
void wait_a_moment(PortState& state, std::int64_t timeout_ns) {
  constexpr std::uint32_t kMoment = 64;
  if (timeout_ns < 0 && queue::FiberHost::of_this_thread() != nullptr) {
    return park_for_express(state);
  }
  if (timeout_ns == 0 || !state.has_own_core) return;
  auto& ring = *state.express_in->reader.ring();
  const auto pauses = next_pace(state).first;
  std::uint32_t looks = 0;
  do {
    for (std::uint32_t i = 0; i < pauses; ++i) queue::pause_core();
    ++looks;
  } while (!ring.available() && looks * pauses < kMoment);
  state.came_at_once = looks == 1;
}

[[gnu::noinline]] Inlet* wait_for_first(PortState& state, Piece& piece, std::int64_t timeout_ns,
                                        Got& got) {
  if (state.inlets.empty()) {
    throw error(state.task->name() + ", port " + state.name +
                ": nothing can be received here, the topology has no edge that arrives");
  }
  const auto next = [&] { return next_available(state.inlets, state.turn, state.has_urgency); };
  return take_first(*state.task, state.inlets,
                    {.kind = queue::WaitKind::kReceive, .subject = state.position}, next,
                    state.pace, piece, timeout_ns, got);
}

Inlet* take_first(Port& port, Piece& piece, std::int64_t timeout_ns, Got& got) {
  auto& state = PortAccess::state(port);
  if (Inlet* express = state.express_in) [[likely]] {
    auto& ring = *express->reader.ring();
    if (!ring.available()) wait_a_moment(state, timeout_ns);
    const auto taken = ring.take(piece);
    if (taken == Taken::kPiece) [[likely]]
      return express;
    if (taken == Taken::kCorrupt) refuse_corrupt(*express);
  }
  return wait_for_first(state, piece, timeout_ns, got);
}

/// Takes the fragment after one that said that more follows: its sender is about to publish it.
/// False when the sender died in between: then the message never was.
bool take_following(Inlet& inlet, Piece& piece) {
  auto& reader = inlet.reader;
  const auto& state = PortAccess::state(*inlet.port);
  constexpr int kLooks = 64;
  for (int look = 0; state.has_own_core && look < kLooks && !reader.available(); ++look) {
    queue::pause_core();
  }
  for (;;) {
    switch (reader.take(piece)) {
      case Taken::kPiece:
        return true;
      case Taken::kCorrupt:
        refuse_corrupt(inlet);
      case Taken::kCut:
        return false;
      case Taken::kNothing:
        break;
    }
    const auto describe = [&] {
      queue::WaitSubject subject{.kind = queue::WaitKind::kReceive, .subject = state.position};
      subject.limited = true;  // it is the sender's turn, whatever else it waits for
      return subject;
    };
    std::int64_t blocked_ns = 0;
    state.task->waiter().wait([&] { return reader.available() || reader.ended(); },
                              queue::kNoDeadline, describe, blocked_ns);
    reader.count_blocked(blocked_ns);
    if (reader.ended()) return false;
  }
}

/// What is left of a message that comes over a direct line goes to where the line was told. False
/// when the line breaks: then the message comes again.
bool read_straight(Inlet& inlet, queue::DirectLine& line, std::uint64_t cookie) {
  using Straight = queue::DirectLine::Straight;
  const auto& state = PortAccess::state(*inlet.port);
  auto straight = Straight::kComing;
  const auto ready = [&] { return (straight = line.straight()) != Straight::kComing; };
  const auto describe = [&] {
    return queue::WaitSubject{
        .kind = queue::WaitKind::kReceive, .subject = state.position, .limited = true};
  };
  std::int64_t blocked_ns = 0;
  state.task->waiter().wait(ready, queue::kNoDeadline, describe, blocked_ns);
  inlet.reader.count_blocked(blocked_ns);
  if (straight == Straight::kCut) return false;
  inlet.reader.give_back(cookie, false);
  return true;
}

/// Copies a message of several fragments to `to`, giving each back as soon as it is copied, so that
/// the sender fills the next meanwhile. `room` is checked by the caller. False: it never was whole.
bool copy_fragments(Inlet& inlet, Piece piece, std::byte* to, std::uint64_t room) {
  for (;;) {
    if (piece.length > room) refuse_corrupt(inlet);
    if (to != nullptr) {
      std::memcpy(to, piece.data, piece.length);
      to += piece.length;
    }
    room -= piece.length;
    inlet.reader.give_back(piece.cookie, piece.more);
    if (!piece.more) {
      if (room != 0 && to != nullptr) refuse_corrupt(inlet);
      return true;
    }
    auto* line = to != nullptr ? inlet.reader.line_between_pieces() : nullptr;
    if (line != nullptr && line->go_straight(to)) {
      return read_straight(inlet, *line, piece.cookie);
    }
    if (!take_following(inlet, piece)) return false;
  }
}

/// A message that lies in the queue is a view: it goes back when the message is released.
Block view_of(const Inlet& inlet, const Piece& piece) {
  return {.data = const_cast<std::byte*>(piece.data),
          .size = piece.length,
          .port = inlet.port,
          .cookie = piece.cookie,
          .owner = const_cast<queue::QueueReader*>(&inlet.reader),
          .type = piece.type,
          .priority = piece.priority,
          .channel = &inlet.reader.channel(),
          .late = piece.late};
}

/// The block is now in memory of its own: `cookie` is where that begins.
void move_to(Block& block, Memory memory) {
  block.owner = nullptr;
  block.cookie = reinterpret_cast<std::uintptr_t>(memory.release());
}

/// Undoes what the sender's encoder did. A view stays one where the plain bytes lie inside it.
void decode(Inlet& inlet, Block& block) {
  const queue::ConstBytes encoded{static_cast<const std::byte*>(block.data), block.size};
  const auto decoded = inlet.decoder->decode(encoded, block.type);
  if (!decoded) {
    detail::release(block);
    refuse(inlet,
           "a message from " + sender_of(inlet) + " cannot be decoded: " + decoded.error().message);
  }
  if (!decoded->in_place) {
    detail::release(block);
    move_to(block, Memory(inlet.decoder->take_memory()));
  }
  block.data = const_cast<std::byte*>(decoded->bytes.data());
  block.size = decoded->bytes.size();
  block.type = decoded->type;
  block.portable = decoded->portable;
}

/// Turns the taken first fragment into a message. False when it never was whole.
bool complete(Inlet& inlet, const Piece& piece, Block& out) {
  out = view_of(inlet, piece);
  if (piece.more) {
    Memory memory(static_cast<std::byte*>(std::malloc(piece.message_length)));
    if (!memory) throw std::bad_alloc();
    if (!copy_fragments(inlet, piece, memory.get(), piece.message_length)) return false;
    out.data = memory.get();
    out.size = piece.message_length;
    move_to(out, std::move(memory));
  }
  if (inlet.decoder) decode(inlet, out);
  return true;
}

/// The common case of what follows: it is there, or will be in a moment, and is what is wanted.
[[gnu::always_inline]] inline bool try_copy(Port& port, void* data, std::size_t size,
                                            std::uint32_t type, std::int64_t timeout_ns) {
  auto& state = PortAccess::state(port);
  if (state.express_in == nullptr) return false;
  auto& ring = *state.express_in->reader.ring();
  if (ring.try_copy(data, size, type)) return true;
  if (ring.available()) return false;
  wait_a_moment(state, timeout_ns);
  return ring.try_copy(data, size, type);
}

/// Copies the next message to memory of `size` bytes; `size` is its length then. Throws mvm::error
/// when it is shorter than `least`, longer than that memory, or of another type.
Got copy_next(Port& port, void* data, std::size_t least, std::size_t& size, std::uint32_t type,
              std::int64_t timeout_ns) {
  const auto room = size;
  const auto fits = [&](std::uint64_t length, std::uint32_t sent) {
    return length <= room && length >= least && (type == 0 || sent == 0 || type == sent);
  };
  for (;;) {
    Piece piece;
    Got got = Got::kNothing;
    Inlet* inlet = take_first(port, piece, timeout_ns, got);
    if (inlet == nullptr) return got;
    if (inlet->decoder) {
      Block block;
      if (!complete(*inlet, piece, block)) continue;
      const Message releasing(block);
      size = detail::copy_elements(block, data, room, type);
      if (size < least) detail::throw_mismatch(block, type, room);
      return Got::kMessage;
    }
    if (!fits(piece.message_length, piece.type)) {
      Block block = view_of(*inlet, piece);
      block.size = piece.message_length;
      block.data = nullptr;
      copy_fragments(*inlet, piece, nullptr, piece.message_length);
      detail::throw_mismatch(block, type, room);
    }
    if (copy_fragments(*inlet, piece, static_cast<std::byte*>(data), piece.message_length)) {
      size = piece.message_length;
      return Got::kMessage;
    }
  }
}

}  // namespace

namespace detail {

Got receive(Port& port, Block& out, std::int64_t timeout_ns) {
  for (;;) {
    Piece piece;
    Got got = Got::kNothing;
    Inlet* inlet = take_first(port, piece, timeout_ns, got);
    if (inlet == nullptr) return got;
    if (complete(*inlet, piece, out)) return Got::kMessage;
  }
}

Got receive_into(Port& port, void* data, std::size_t& size, std::uint32_t type,
                 std::int64_t timeout_ns) {
  if (try_copy(port, data, size, type, timeout_ns)) return Got::kMessage;
  return copy_next(port, data, 0, size, type, timeout_ns);
}

Got receive_value(Port& port, void* data, std::size_t size, std::uint32_t type,
                  std::int64_t timeout_ns) {
  if (try_copy(port, data, size, type, timeout_ns)) return Got::kMessage;
  return copy_next(port, data, size, size, type, timeout_ns);
}

void release(Block& block) noexcept {
  if (block.owner != nullptr) {
    static_cast<queue::QueueReader*>(block.owner)->give_back(block.cookie, false);
  } else {
    std::free(reinterpret_cast<void*>(static_cast<std::uintptr_t>(block.cookie)));
  }
}

}  // namespace detail

namespace detail {

Got receive_any(Job& job, Block& out, std::int64_t timeout_ns) {
  Task& task = JobAccess::task(job);
  const auto next = [&] { return next_available(task.inlets, task.inlet_turn, false); };
  for (;;) {
    Piece piece;
    Got got = Got::kNothing;
    Inlet* inlet = take_first(task, task.inlets, {.kind = queue::WaitKind::kReceiveAny}, next,
                              queue::Pace(), piece, timeout_ns, got);
    if (inlet == nullptr) return got;
    if (complete(*inlet, piece, out)) return Got::kMessage;
  }
}

}  // namespace detail

bool Port::ended() const {
  const auto& state = PortAccess::state(*this);
  if (auto* lines = state.task->lines()) lines->look();
  return all_ended(state.inlets);
}

}  // namespace mvm
