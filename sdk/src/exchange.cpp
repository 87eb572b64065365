// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "task.hpp"

namespace mvm {
namespace {

/// While it lives, receivers ring this task whenever they make room behind any port.
class ExpectRoomEverywhere {
 public:
  explicit ExpectRoomEverywhere(Task& task) : task_(task) { set(true); }
  ~ExpectRoomEverywhere() { set(false); }
  ExpectRoomEverywhere(const ExpectRoomEverywhere&) = delete;
  ExpectRoomEverywhere& operator=(const ExpectRoomEverywhere&) = delete;

 private:
  void set(bool waiting) {
    for (Port* port : task_.ports) {
      PortAccess::state(*port).writer->expect_room_anywhere(waiting);
    }
  }
  Task& task_;
};

/// Group time at which some port may be able to go on by itself: queues can be slow on purpose.
std::int64_t next_due(Task& task) {
  auto due = queue::kNever;
  for (Port* port : task.ports) {
    auto& state = PortAccess::state(*port);
    if (state.writer->can_send()) due = std::min(due, state.writer->ready_at());
    for (const auto& inlet : state.inlets) due = std::min(due, inlet->reader.available_at());
  }
  return due;
}

}  // namespace

namespace detail {

void step_until_done(Job& job, bool (*step)(void*), void* object) {
  if (step(object)) return;
  Task& task = JobAccess::task(job);
  const ExpectRoomEverywhere expecting(task);
  // What it waits for is not one thing that could be written down.
  const auto describe = [] {
    return queue::WaitSubject{.kind = queue::WaitKind::kReceiveAny, .limited = true};
  };
  std::int64_t blocked_ns = 0;
  while (!task.waiter().wait([&] { return step(object); }, next_due(task), describe, blocked_ns)) {
  }
}

}  // namespace detail
}  // namespace mvm
