// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/wait_watch.hpp>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <mvm/base/text.hpp>
#include <mvm/queuelayer/tape.hpp>
#include <mvm/queuelayer/wait_board.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {
namespace {

/// Looking takes at most this part of the time.
constexpr int kLookingShare = 50;

/// Threads of a process; 0 when it is gone.
std::uint32_t count_threads(pid_t pid) {
  struct stat status{};
  if (::stat(text("/proc/", pid, "/task").c_str(), &status) != 0) return 0;
  return static_cast<std::uint32_t>(std::max<nlink_t>(status.st_nlink, 2) - 2);
}

/// A note may be of another process that has the arena, too, or be left from a thread that is gone.
bool is_thread_of(pid_t pid, std::uint32_t thread) {
  return ::access(text("/proc/", pid, "/task/", thread).c_str(), F_OK) == 0;
}

/// False for a process that has ended and was not waited for.
bool is_alive(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto name_end = line.rfind(')');  // the name may hold anything
  return name_end != std::string::npos && name_end + 2 < line.size() && line[name_end + 2] != 'Z';
}

/// Whether processes live that this one has started: they may do anything.
bool has_living_children(pid_t pid) {
  const auto folder = text("/proc/", pid, "/task");
  DIR* threads = ::opendir(folder.c_str());
  if (threads == nullptr) return false;
  bool found = false;
  while (const dirent* thread = ::readdir(threads)) {
    if (thread->d_name[0] == '.') continue;
    std::ifstream children(text(folder, '/', thread->d_name, "/children"));
    for (std::string child; !found && children >> child;) found = is_alive(child);
  }
  ::closedir(threads);
  return found;
}

}  // namespace

/// What the system says of processes, each asked once: many fibers have one.
class WaitWatch::ProcessView {
 public:
  [[nodiscard]] std::uint32_t threads(pid_t pid) {
    return remember(threads_, pid, [pid] { return count_threads(pid); });
  }
  [[nodiscard]] bool has_children(pid_t pid) {
    return remember(children_, pid, [pid] { return has_living_children(pid); });
  }
  [[nodiscard]] bool has_thread(pid_t pid, std::uint32_t thread) {
    return remember(thread_of_, std::pair(pid, thread), [=] { return is_thread_of(pid, thread); });
  }

 private:
  template <typename Key, typename Value, typename Ask>
  static Value remember(std::map<Key, Value>& known, const Key& key, Ask&& ask) {
    const auto found = known.find(key);
    return found != known.end() ? found->second : known.emplace(key, ask()).first->second;
  }

  std::map<pid_t, std::uint32_t> threads_;
  std::map<pid_t, bool> children_;
  std::map<std::pair<pid_t, std::uint32_t>, bool> thread_of_;
};

namespace {

/// Position on a ring's tape behind the last record that can be seen, and messages that came over
/// its direct line.
std::uint64_t published(const Arena& arena, std::uint32_t channel) {
  const ChannelRecord& record = arena.channel(channel);
  const auto released = record.released.load(std::memory_order_acquire);
  const auto tape_size = record.tape_size;
  const auto* tape = arena.find(record.tape, tape_size);
  if (tape == nullptr || !std::has_single_bit(tape_size)) return released;
  const auto over_line = record.line_received.load(std::memory_order_acquire);
  tape::Walk walk(tape, tape_size, released);
  while (walk.next() != 0) continue;
  return walk.position() + over_line;
}

bool has_published(const Arena& arena, std::uint32_t channel) {
  const ChannelRecord& record = arena.channel(channel);
  const auto* slots = reinterpret_cast<const ShelfSlot*>(
      arena.find(record.slots, std::uint64_t{record.slot_count} * sizeof(ShelfSlot)));
  if (slots == nullptr) return false;
  return std::any_of(slots, slots + record.slot_count, [](const ShelfSlot& slot) {
    const auto stamp = slot.stamp.load(std::memory_order_acquire);
    return stamp == stamp_published(stamp >> kStampShift);
  });
}

bool is_hidden(const PortSpec& port) {
  return port.name.starts_with(kHiddenMark);
}

/// Something lies there for a receive that has taken what lies before `seen`, on all rings
/// together; or nothing will ever come.
bool can_receive(const Arena& arena, std::span<const std::uint32_t> channels, std::uint64_t seen) {
  std::uint64_t positions = 0;
  bool all_closed = true;
  for (const auto channel : channels) {
    const ChannelRecord& record = arena.channel(channel);
    if (record.sender_closed.load(std::memory_order_acquire) == 0) all_closed = false;
    if (record.kind == ChannelKind::kRing) {
      positions += published(arena, channel);
    } else if (has_published(arena, channel)) {
      return true;
    }
  }
  return all_closed || positions != seen;
}

/// There is room in this channel for a send that had seen so much of it given back, or nobody will
/// ever make any.
bool can_send(const Arena& arena, std::uint32_t channel, std::uint64_t seen) {
  if (channel >= arena.channel_count()) return true;
  const ChannelRecord& record = arena.channel(channel);
  return record.receiver_closed.load(std::memory_order_acquire) != 0 ||
         record.recount.load(std::memory_order_acquire) != 0 ||
         record.released.load(std::memory_order_acquire) != seen;
}

bool can_exchange(const Arena& arena, const TaskSpec& task, const WaitSubject& wait) {
  return std::ranges::any_of(wait.pending, [&](const PendingOperation& operation) {
    if (operation.kind == WaitKind::kSend) {
      return can_send(arena, operation.channel, operation.seen);
    }
    return can_receive(arena, task.ports[operation.port].receives, operation.seen);
  });
}

/// Whether a member's seat has changed, or who would fill it has passed by; or somebody has left.
bool can_meet(const WiringPlan& plan, const Arena& arena, const TaskSpec& task,
              const WaitSubject& wait) {
  const auto number = task.teams[wait.subject];
  const auto teams = arena.list<TeamRecord>(arena.header().teams);
  const auto seat_count = plan.teams[number].members.size();
  if (number >= teams.size() || wait.channel >= seat_count) return true;
  const auto at = teams[number].seats;
  const auto* seats = reinterpret_cast<const Seat*>(arena.find(at, seat_count * sizeof(Seat)));
  if (seats == nullptr || at % alignof(Seat) != 0) return true;
  if (seat_changes(seats[wait.channel]) != wait.seen) return true;
  const auto& machines = plan.teams[number].machines;
  if (machines[wait.channel] != plan.machine) {
    const auto leader = std::ranges::find(machines, plan.machine) - machines.begin();
    if (seats[leader].finished.load(std::memory_order_acquire) >= wait.size) return true;
    if (seats[leader].gone.load(std::memory_order_acquire) != 0) return true;
  }
  return wait.kind == WaitKind::kCollective &&
         std::any_of(seats, seats + seat_count, [](const Seat& seat) {
           return seat.gone.load(std::memory_order_acquire) != 0;
         });
}

/// Whether a wait would end if its thread looked again. What the note says may be anything.
bool can_go_on(const WiringPlan& plan, const Arena& arena, const TaskSpec& task,
               const WaitSubject& wait) {
  switch (wait.kind) {
    case WaitKind::kReceive:
      return wait.subject >= task.ports.size() ||
             can_receive(arena, task.ports[wait.subject].receives, wait.seen);
    case WaitKind::kReceiveAny: {
      std::vector<std::uint32_t> channels;
      for (const auto& port : task.ports) {
        if (is_hidden(port)) continue;
        channels.insert(channels.end(), port.receives.begin(), port.receives.end());
      }
      return can_receive(arena, channels, wait.seen);
    }
    case WaitKind::kSend:
      return wait.subject >= task.ports.size() || can_send(arena, wait.channel, wait.seen);
    case WaitKind::kExchange:
      return can_exchange(arena, task, wait);
    case WaitKind::kCollective:
    case WaitKind::kMember:
      return wait.subject >= task.teams.size() || can_meet(plan, arena, task, wait);
  }
  return true;
}

}  // namespace

WaitWatch::WaitWatch(const WiringPlan& plan, const Arena& arena)
    : plan_(plan), arena_(arena), tasks_(plan.tasks.size()), due_(now() + kPeriod) {}

bool WaitWatch::look() {
  const auto begin = now();
  bool news = false;
  for (std::uint32_t i = 0; i < tasks_.size(); ++i) {
    Task& task = tasks_[i];
    const EndpointRecord& endpoint = arena_.endpoint(i);
    const auto waits = endpoint.waits.load(std::memory_order_relaxed);
    if (waits != task.waits) {
      task = {.waits = waits, .since = begin};
    } else if (!task.told && waits != 0 && begin - task.since >= kStall) {
      const auto standing = read_waits(endpoint, ports_of(i));
      if (std::ranges::none_of(standing, [](auto& wait) { return wait.subject.limited; })) {
        task.told = !standing.empty();
        news |= task.told;
      }
    }
  }
  const auto end = now();
  due_ = end + std::max<SteadyTime::duration>(kPeriod, kLookingShare * (end - begin));
  return news;
}

std::vector<control::TaskStatus> WaitWatch::tasks(const std::vector<pid_t>& pids) const {
  std::vector<control::TaskStatus> all;
  all.reserve(plan_.tasks.size());
  ProcessView processes;
  for (std::uint32_t i = 0; i < plan_.tasks.size(); ++i) {
    all.push_back(describe(i, i < pids.size() ? pids[i] : 0, processes));
  }
  return all;
}

/// None when a task has overwritten the table.
std::span<const PortRecord> WaitWatch::ports_of(std::uint32_t task) const {
  const auto ports = arena_.list<PortRecord>(arena_.endpoint(task).ports);
  return ports.size() == plan_.tasks[task].ports.size() ? ports : std::span<PortRecord>();
}

/// A fiber's thread is its worker's: it moves when the fiber does. Other threads of the worker may
/// be any fiber's, so while there are some, each of its fibers counts as one that can move.
control::TaskStatus WaitWatch::describe(std::uint32_t task, pid_t pid,
                                        ProcessView& processes) const {
  const TaskSpec& spec = plan_.tasks[task];
  const EndpointRecord& endpoint = arena_.endpoint(task);
  control::TaskStatus status;
  status.task = spec.id;
  status.pid = pid;
  const auto state = endpoint.state.load(std::memory_order_acquire);
  status.state = static_cast<control::TaskState>(
      std::min(state, static_cast<std::uint32_t>(EndpointState::kEnded)));
  if (status.state != control::TaskState::kAttached || pid == 0) return status;
  const auto time = group_now_ns(arena_.header().clock);
  for (const auto& wait : read_waits(endpoint, ports_of(task))) {
    const auto& subject = wait.subject;
    if (subject.kind > WaitKind::kExchange || !processes.has_thread(pid, wait.thread)) {
      continue;
    }
    status.waits.push_back({.kind = subject.kind,
                            .subject = subject.subject,
                            .channel = subject.channel,
                            .size = subject.size,
                            .seen = subject.seen,
                            .number = wait.number,
                            .lasted = Duration(std::max<std::int64_t>(time - wait.since_ns, 0)),
                            .limited = subject.limited,
                            .can_go_on = can_go_on(plan_, arena_, spec, subject),
                            .pending = {}});
    for (const auto& operation : subject.pending) {
      status.waits.back().pending.push_back(
          {operation.kind, operation.port, operation.channel, operation.size});
    }
  }
  const auto attendants = endpoint.attendants.load(std::memory_order_relaxed);
  status.threads = processes.threads(pid) - std::min(processes.threads(pid), attendants);
  if (status.threads <= status.waits.size()) status.has_children = processes.has_children(pid);
  return status;
}

}  // namespace mvm::queue
