// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "task.hpp"

namespace mvm {
namespace {

using queue::RingWriter;

[[noreturn]] void refuse(const PortState& state, const std::string& reason) {
  throw error(state.task->name() + ", port " + state.name + ": " + reason);
}

/// FNV-1a: the key of a message that was sent without one.
std::uint64_t hash_of(const void* data, std::size_t size) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

/// Spreads neighbouring keys over all receivers.
std::size_t pick(std::uint64_t key, std::size_t receivers) {
  key ^= key >> 33;
  key *= 0xff51afd7ed558ccd;
  key ^= key >> 33;
  return static_cast<std::size_t>(key % receivers);
}

/// The channels that this message goes to, by the spread of each group.
void choose_targets(PortState& state, const void* data, std::size_t size,
                    const std::uint64_t* key) {
  state.targets.clear();
  for (auto& group : state.groups) {
    switch (group.spread) {
      case queue::Spread::kOneToOne:
      case queue::Spread::kEach:
      case queue::Spread::kShared:
        state.targets.insert(state.targets.end(), group.writers.begin(), group.writers.end());
        break;
      case queue::Spread::kRoundRobin: {
        // Receivers that are gone lose their turn.
        const auto n = group.writers.size();
        std::size_t tried = 0;
        while (tried < n && group.writers[group.turn % n]->receiver_closed()) ++group.turn, ++tried;
        state.targets.push_back(group.writers[group.turn % n]);
        break;
      }
      case queue::Spread::kHash: {
        const auto value = key != nullptr ? *key : hash_of(data, size);
        state.targets.push_back(group.writers[pick(value, group.writers.size())]);
        break;
      }
    }
  }
}

void take_turns(PortState& state) {
  for (auto& group : state.groups) {
    if (group.spread == queue::Spread::kRoundRobin) ++group.turn;
  }
}

/// While it lives, receivers ring this task whenever they make room.
class ExpectRoom {
 public:
  explicit ExpectRoom(std::vector<RingWriter*>& targets) : targets_(targets) { set(true); }
  ~ExpectRoom() { set(false); }
  ExpectRoom(const ExpectRoom&) = delete;
  ExpectRoom& operator=(const ExpectRoom&) = delete;

 private:
  void set(bool waiting) {
    for (RingWriter* target : targets_) target->expect_room(waiting);
  }
  std::vector<RingWriter*>& targets_;
};

bool ready(RingWriter& target, std::size_t size) {
  return target.receiver_closed() || target.has_room(size);
}

/// Waits until every open target has room. False when the time is over.
bool wait_for_room(PortState& state, std::size_t size, std::int64_t timeout_ns) {
  auto& targets = state.targets;
  const auto all_ready = [&] {
    return std::all_of(targets.begin(), targets.end(),
                       [size](RingWriter* target) { return ready(*target, size); });
  };
  if (all_ready()) return true;
  if (timeout_ns == 0) return false;
  const ExpectRoom expecting(targets);
  return state.task->waiter().wait(all_ready, state.task->deadline(timeout_ns));
}

void check_open(const PortState& state) {
  if (state.closed) refuse(state, "was closed by this task and cannot send any more");
}

void check_sendable(const PortState& state, std::size_t size) {
  if (state.groups.empty()) {
    refuse(state, "nothing can be sent here, the topology has no edge that leaves this port");
  }
  check_open(state);
  if (size > queue::kMaxMessage.count) {
    refuse(state, "a message of " + std::to_string(size) + " bytes is over the limit of " +
                      std::to_string(queue::kMaxMessage.count) + "; send it in parts");
  }
  // Many tasks share the address space of a machine, so each has less of it.
  const auto heap = state.task->endpoint().heap_size;
  if (RingWriter::streaming_size(size) > heap) {
    refuse(state, "a message of " + std::to_string(size) + " bytes does not fit the " +
                      std::to_string(heap) +
                      " bytes that each task of this machine can have under " +
                      "way; send it in parts, or use more machines");
  }
}

/// Drops the targets whose receivers are gone. Throws `closed` when none is left.
void keep_open_targets(PortState& state, const Port& port) {
  auto& targets = state.targets;
  if (std::none_of(targets.begin(), targets.end(),
                   [](RingWriter* target) { return target->receiver_closed(); })) {
    return;
  }
  std::erase_if(targets, [](RingWriter* target) { return target->receiver_closed(); });
  if (targets.empty()) detail::throw_closed(port);
}

}  // namespace

namespace detail {

bool send(Port& port, const void* data, std::size_t size, std::uint32_t type,
          std::int64_t timeout_ns, const std::uint64_t* key) {
  auto& state = PortAccess::state(port);
  check_sendable(state, size);
  choose_targets(state, data, size, key);
  if (!wait_for_room(state, size, timeout_ns)) return false;
  keep_open_targets(state, port);
  for (RingWriter* target : state.targets) {
    // The heap is shared by all ports of the task, so another thread may just have taken the room.
    while (!target->write(data, size, type)) {
      const ExpectRoom expecting(state.targets);
      state.task->waiter().wait([&] { return ready(*target, size); }, queue::kNoDeadline);
      if (target->receiver_closed()) break;
    }
  }
  take_turns(state);
  return true;
}

Block loan(Port& port, std::size_t size) {
  auto& state = PortAccess::state(port);
  check_sendable(state, size);
  // A loan lies in the memory of one channel: where a message goes to several, it is copied.
  if (state.writers.size() != 1) {
    void* memory = ::operator new(std::max<std::size_t>(size, 1), std::align_val_t{queue::kLine});
    return {.data = memory, .size = size, .port = &port, .cookie = 0, .owner = nullptr, .type = 0};
  }
  RingWriter& writer = *state.writers.front();
  state.targets.assign(1, &writer);
  const auto can_reserve = [&] { return writer.receiver_closed() || writer.can_reserve(size); };
  for (;;) {
    if (!can_reserve()) {
      const ExpectRoom expecting(state.targets);
      state.task->waiter().wait(can_reserve, queue::kNoDeadline);
    }
    if (writer.receiver_closed()) throw_closed(port);
    if (std::byte* memory = writer.reserve(size)) {
      return {
          .data = memory, .size = size, .port = &port, .cookie = 0, .owner = &writer, .type = 0};
    }
  }
}

void send_loan(Port& port, Block& block, std::uint32_t type) {
  if (block.port != &port) {
    const auto& state = PortAccess::state(port);
    refuse(state, block.port == nullptr
                      ? "this loan was sent or moved away before"
                      : "this loan belongs to port " + std::string(block.port->name()));
  }
  if (block.owner != nullptr) {
    check_open(PortAccess::state(port));
    auto& writer = *static_cast<RingWriter*>(block.owner);
    if (writer.receiver_closed()) throw_closed(port);
    writer.send_reserved(static_cast<std::byte*>(block.data), block.size, type);
  } else {
    send(port, block.data, block.size, type, kForever, nullptr);
    ::operator delete(block.data, std::align_val_t{queue::kLine});
  }
  block = {};
}

void drop_loan(Block& block) noexcept {
  if (block.owner != nullptr) {
    static_cast<RingWriter*>(block.owner)->cancel(static_cast<std::byte*>(block.data), block.size);
  } else {
    ::operator delete(block.data, std::align_val_t{queue::kLine});
  }
  block = {};
}

}  // namespace detail

void Port::close() {
  auto& state = PortAccess::state(*this);
  state.closed = true;
  for (auto& writer : state.writers) writer->close();
}

}  // namespace mvm
