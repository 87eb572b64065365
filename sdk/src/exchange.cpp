// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "task.hpp"

namespace mvm {
namespace {

using detail::Pending;

PortState& state_of(const Pending& operation) {
  return PortAccess::state(*operation.port);
}

/// While it lives, receivers ring this task when they make room for what it could not send.
class ExpectRoom {
 public:
  explicit ExpectRoom(const std::vector<Pending>& pending) : pending_(pending) {
    set(true);
    queue::fence_if_fiber();
  }
  ~ExpectRoom() { set(false); }
  ExpectRoom(const ExpectRoom&) = delete;
  ExpectRoom& operator=(const ExpectRoom&) = delete;

 private:
  void set(bool waiting) {
    for (const auto& operation : pending_) {
      if (operation.sends) state_of(operation).writer->expect_room(waiting);
    }
  }
  const std::vector<Pending>& pending_;
};

/// Looks without doing anything, because what a wait's note says must hold as long as it stands.
bool can_go_on(const Pending& operation) {
  auto& state = state_of(operation);
  if (operation.sends) return state.writer->could_deliver();
  return std::ranges::any_of(state.inlets,
                             [](const auto& inlet) { return inlet->reader.available(); }) ||
         operation.port->ended();
}

/// Group time at which it may be able to go on by itself: queues can be slow on purpose.
std::int64_t due_of(const Pending& operation) {
  const auto& state = state_of(operation);
  if (operation.sends) return state.writer->ready_at();
  auto due = queue::kNever;
  for (const auto& inlet : state.inlets) due = std::min(due, inlet->reader.available_at());
  return due;
}

std::int64_t next_due(const std::vector<Pending>& pending) {
  auto due = queue::kNever;
  for (const auto& operation : pending) due = std::min(due, due_of(operation));
  return due;
}

/// Some message would find room in its queues, but none in this task's memory. Nobody tells when
/// that is given back at other ports.
bool lacks_memory(const std::vector<Pending>& pending) {
  return std::ranges::any_of(pending, [](const Pending& operation) {
    return operation.sends && state_of(operation).writer->lacks_memory();
  });
}

/// What the wait is, to those who look why a group does not move.
queue::WaitSubject subject_of(const std::vector<Pending>& pending) {
  queue::WaitSubject subject{.kind = queue::WaitKind::kExchange, .pending = {}};
  for (const auto& operation : pending) {
    const auto& state = state_of(operation);
    queue::PendingOperation noted{.port = state.position};
    if (operation.sends) {
      const auto& writer = *state.writer;
      noted.kind = queue::WaitKind::kSend;
      noted.channel = writer.awaited()->number();
      noted.size = writer.length();
      noted.seen = writer.awaited()->seen_released();
    } else {
      for (const auto& inlet : state.inlets) noted.seen += inlet->reader.taken_of_ring();
    }
    subject.pending.push_back(noted);
  }
  return subject;
}

/// The queues whose being empty or full makes the exchange sleep.
struct Blocking {
  std::vector<queue::QueueWriter*> full;
  std::vector<queue::QueueReader*> empty;

  explicit Blocking(const std::vector<Pending>& pending) {
    for (const auto& operation : pending) {
      auto& state = state_of(operation);
      if (operation.sends) full.push_back(state.writer->awaited());
      if (operation.sends) continue;
      for (auto& inlet : state.inlets) empty.push_back(&inlet->reader);
    }
  }
  void count(std::int64_t nanoseconds) const {
    for (auto* writer : full) writer->count_blocked(nanoseconds);
    for (auto* reader : empty) reader->count_blocked(nanoseconds);
  }
};

void wait_for_any(Task& task, const std::vector<Pending>& pending) {
  const ExpectRoom expecting(pending);
  const bool polls = lacks_memory(pending);
  auto until = next_due(pending);
  if (polls) until = std::min(until, queue::group_now_ns(task.clock()) + Task::kMemoryPollNs);
  // What has arrived since and is not due yet limits the wait.
  const auto ready = [&] {
    return std::ranges::any_of(pending, can_go_on) || next_due(pending) < until ||
           (!polls && lacks_memory(pending));
  };
  std::optional<Blocking> blocking;
  const auto describe = [&] {
    if (!blocking) blocking.emplace(pending);
    return subject_of(pending);
  };
  std::int64_t blocked_ns = 0;
  task.waiter_at_ports().wait(ready, until, describe, blocked_ns);
  if (blocking) blocking->count(blocked_ns);
}

}  // namespace

namespace detail {

void step_until_done(Job& job, void (*step)(void* object, std::vector<Pending>& pending),
                     void* object) {
  Task& task = JobAccess::task(job);
  std::vector<Pending> pending;
  for (;;) {
    pending.clear();
    step(object, pending);
    if (pending.empty()) return;
    wait_for_any(task, pending);
  }
}

}  // namespace detail
}  // namespace mvm
