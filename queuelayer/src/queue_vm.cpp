// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/queue_vm.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/base/file.hpp>
#include <mvm/base/log.hpp>
#include <mvm/base/outgoing_bytes.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/channel_ends.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/queuelayer/line_handover.hpp>
#include <mvm/queuelayer/machine_link.hpp>
#include <mvm/queuelayer/outside_door.hpp>
#include <mvm/queuelayer/task_supervisor.hpp>
#include <mvm/queuelayer/wait_watch.hpp>
#include <mvm/queuelayer/waiter.hpp>

#include "line_choice.hpp"
#include "vm_mailbox.hpp"

namespace mvm::queue {
namespace {

/// While more than this waits for the starter to read it, task output is left in the pipes, so that
/// a starter that does not read slows tasks down instead of filling memory.
constexpr std::size_t kOutgoingLimit = 4 << 20;
/// All other machines' queue VMs must have been heard within this time.
constexpr std::chrono::seconds kLinkPatience{30};
/// For all machines to tell what became of the last messages, when all tasks have ended; and more
/// where a connection has to be mended first.
constexpr std::chrono::seconds kSettlePatience{3};

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/// SIGCHLD and the requests to end, as a descriptor.
UniqueFd open_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, signal);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a memory limit is an error to report, not a death
  return UniqueFd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

/// Each task's output is read from two pipes. So is a worker's, and its news from another.
constexpr rlim_t kDescriptorsPerTask = 2;
constexpr rlim_t kDescriptorsPerWorker = 3;
/// For the control connection, the arena, signals, the link's sockets, and a task being started.
constexpr rlim_t kOwnDescriptors = 64;

/// Takes what the system gives, and says early when that is not enough.
Result<void> raise_descriptor_limit(const WiringPlan& plan) {
  const auto fibers = std::ranges::count_if(
      plan.tasks, [](const TaskSpec& task) { return task.worker.has_value(); });
  const auto tasks = plan.tasks.size() - static_cast<std::size_t>(fibers);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const auto needed =
      tasks * kDescriptorsPerTask + plan.workers * kDescriptorsPerWorker + kOwnDescriptors;
  if (needed <= limit.rlim_max) return {};
  return fail(ErrorCode::kLimit, tasks, " tasks on one machine need ", needed,
              " open files, and this host allows ", limit.rlim_max,
              " per process; raise that limit (ulimit -Hn, or nofile in /etc/security/limits.conf)",
              ", spread the tasks by <machines count=\"…\">, or run them as fibers by <job "
              "execution=\"fiber\">");
}

}  // namespace

struct QueueVm::State {
  enum class Phase { kWaiting, kStarting, kReady, kRunning, kEnded, kSettling, kDone };

  State(int in, int out) : control_in(in), control_out(out) {}

  int control_in;
  int control_out;
  std::function<void(const Belongings&)> on_belongings;
  control::FrameReader reader;
  OutgoingBytes outgoing;  ///< frames that the starter has not taken yet
  UniqueFd signals;
  VmMailbox mailbox;
  bool link_connected = false;

  Phase phase = Phase::kWaiting;
  bool success = false;
  bool control_lost = false;
  std::optional<SteadyTime> hold_until;    ///< a group that outlives its starter for a while
  std::optional<SteadyTime> settle_until;  ///< in phase kSettling
  WiringPlan plan;
  std::optional<Arena> arena;
  std::unique_ptr<ChannelEnds> ends;
  std::unique_ptr<TaskSupervisor> supervisor;
  std::vector<pid_t> pids;  ///< of the tasks, in the plan's order
  bool somebody_ended = false;
  std::unique_ptr<WaitWatch> watch;
  std::unique_ptr<MachineLink> link;
  std::map<std::uint32_t, UniqueFd> task_ends_of_lines;  ///< until the tasks are started
  std::unique_ptr<OutsideDoor> door;

  void send(const control::Message& message) {
    if (!control_lost) outgoing.append(control::encode(message));
  }
  void fail_group(const Error& error);
  void lose_control();
  void end_without_control();
  void skip_to_running();
  void flush();

  void on_control();
  void on_message(control::Message&& message);
  void on_signal();
  void on_mail();
  void answer(const control::Ask& ask);
  [[nodiscard]] bool pass_to_door(control::Message& message);
  std::optional<SteadyTime> do_what_is_due();
  void start(WiringPlan&& received);
  [[nodiscard]] Result<void> set_up();
  [[nodiscard]] Result<void> open_link();
  [[nodiscard]] MachineLink::TaskSockets make_line_sockets();
  [[nodiscard]] Result<void> open_door();
  void ready_when_linked();
  void tell_of_ends();
  void on_task_end(std::uint32_t task, const control::TaskEnded& ended);
  void end_when_all_ended();
  void finish();
  void report_when_settled();
  void report();
  void poll_once();
};

QueueVm::QueueVm(int control_in, int control_out,
                 std::function<void(const Belongings&)> on_belongings)
    : state_(std::make_unique<State>(control_in, control_out)) {
  state_->on_belongings = std::move(on_belongings);
}
QueueVm::~QueueVm() = default;

int QueueVm::run() {
  State& s = *state_;
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  s.signals = open_signals();
  set_nonblocking(s.control_in);
  set_nonblocking(s.control_out);
  s.send(control::Hello{::getpid()});
  while (s.phase != State::Phase::kDone) s.poll_once();

  s.door.reset();
  s.link.reset();
  if (s.supervisor) {
    s.supervisor->stop(control::StopReason::kKill);
    kill_descendants();
    s.supervisor->collect();
  }
  if (!s.plan.machines.empty()) Belongings::of(s.plan).remove();
  // The last frames are worth a short wait, but a starter that is gone is not.
  for (const auto deadline = now() + std::chrono::seconds(2);
       !s.outgoing.empty() && !s.control_lost && now() < deadline;) {
    pollfd out{s.control_out, POLLOUT, 0};
    ::poll(&out, 1, 100);
    s.flush();
  }
  return s.success ? 0 : 1;
}

/// Whoever waits for them at a board of a team finds them ended. Once for all that end together.
void QueueVm::State::tell_of_ends() {
  if (!std::exchange(somebody_ended, false)) return;
  for (std::uint32_t task = 0; task < plan.tasks.size(); ++task) ring(arena->endpoint(task));
}

/// The next time to call, if any.
std::optional<SteadyTime> QueueVm::State::do_what_is_due() {
  std::optional<SteadyTime> due;
  const auto next = [&due](SteadyTime time) { due = due ? std::min(*due, time) : time; };
  if (supervisor) due = supervisor->tick();
  if (hold_until && now() >= *hold_until) end_without_control();
  if (hold_until) next(*hold_until);
  if (settle_until && now() >= *settle_until) report();
  if (settle_until) next(*settle_until);
  if (phase == Phase::kRunning && !control_lost) {
    if (now() >= watch->due() && watch->look()) send(control::Stalled{});
    next(watch->due());
  }
  return due;
}

void QueueVm::State::poll_once() {
  const auto due = do_what_is_due();
  if (phase == Phase::kDone) return;

  std::vector<pollfd> descriptors;
  descriptors.push_back({signals.get(), POLLIN, 0});
  descriptors.push_back({mailbox.descriptor(), POLLIN, 0});
  descriptors.push_back({control_lost ? -1 : control_in, POLLIN, 0});
  descriptors.push_back({outgoing.empty() || control_lost ? -1 : control_out, POLLOUT, 0});
  constexpr std::size_t kFirstOutput = 4;
  if (supervisor && outgoing.size() < kOutgoingLimit) {
    for (const int fd : supervisor->descriptors()) descriptors.push_back({fd, POLLIN, 0});
  }
  int timeout_ms = -1;
  if (due) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - now()).count();
    timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }
  if (::poll(descriptors.data(), descriptors.size(), timeout_ms) < 0) return;

  for (std::size_t i = kFirstOutput; i < descriptors.size(); ++i) {
    if (descriptors[i].revents != 0) supervisor->read_output(descriptors[i].fd);
  }
  if (descriptors[0].revents != 0) on_signal();
  if (descriptors[1].revents != 0) on_mail();
  if (descriptors[2].revents != 0) on_control();
  tell_of_ends();
  flush();
}

void QueueVm::State::flush() {
  if (!control_lost && !outgoing.flush(control_out)) lose_control();
}

void QueueVm::State::on_control() {
  char buffer[65536];
  const auto got = ::read(control_in, buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return lose_control();
  reader.feed({buffer, static_cast<std::size_t>(got)});
  while (phase != Phase::kDone) {
    auto message = reader.next();
    if (!message) return fail_group(message.error());
    if (!*message) return;
    on_message(std::move(**message));
  }
}

void QueueVm::State::on_message(control::Message&& message) {
  if (auto* begin = std::get_if<control::Start>(&message); begin && phase == Phase::kWaiting) {
    start(std::move(begin->plan));
  } else if (std::holds_alternative<control::Release>(message) && phase == Phase::kReady) {
    phase = Phase::kRunning;
    supervisor->released();
    if (link) link->begin();
    set_gate(arena->header(), Gate::kOpen);
    end_when_all_ended();
  } else if (auto* stop = std::get_if<control::Stop>(&message)) {
    if (phase == Phase::kSettling) {
      const bool at_once = stop->reason == control::StopReason::kKill;
      settle_until = std::min(*settle_until, at_once ? now() : now() + kSettlePatience);
    } else if (supervisor) {
      supervisor->stop(stop->reason);
      skip_to_running();
      end_when_all_ended();
    } else {
      phase = Phase::kDone;
    }
  } else if (auto* ask = std::get_if<control::Ask>(&message); ask && phase >= Phase::kReady) {
    answer(*ask);
  } else if (phase >= Phase::kReady && pass_to_door(message)) {
    return;
  } else if (std::holds_alternative<control::Finish>(message) && phase == Phase::kEnded) {
    finish();
  } else {
    fail_group({ErrorCode::kProtocol, "the starter sent a message out of turn"});
  }
}

/// The tasks before the channels: what a task had sent when it was seen waiting is counted then.
void QueueVm::State::answer(const control::Ask& ask) {
  control::Status status;
  status.token = ask.token;
  status.group_time_ns = group_now_ns(arena->header().clock);
  status.tasks = watch->tasks(pids);
  status.channels = ends->figures();
  if (link) {
    auto figures = link->figures();
    status.links = std::move(figures.peers);
    status.strangers_refused = figures.connections_refused;
  }
  send(status);
}

void QueueVm::State::start(WiringPlan&& received) {
  plan = std::move(received);
  if (on_belongings) on_belongings(Belongings::of(plan));
  phase = Phase::kStarting;
  if (auto made = set_up(); !made) return fail_group(made.error());
  ready_when_linked();
}

void QueueVm::State::ready_when_linked() {
  if (phase != Phase::kStarting || (link && !link_connected)) return;
  phase = Phase::kReady;
  send(control::Ready{arena->size()});
}

Result<void> QueueVm::State::set_up() {
  if (auto enough = raise_descriptor_limit(plan); !enough) return enough;
  auto made = Arena::create(plan);
  if (!made) return fail(made.error());
  arena = std::move(*made);
  ends = std::make_unique<ChannelEnds>(plan, *arena);
  watch = std::make_unique<WaitWatch>(plan, *arena);
  if (needs_link(plan)) {
    if (auto opened = open_link(); !opened) return opened;
  }
  if (!plan.outside.empty()) {
    if (auto opened = open_door(); !opened) return opened;
  }
  const auto is_follower = [this](std::uint32_t task) {
    return arena->endpoint(task).follower.load(std::memory_order_acquire) != 0;
  };
  TaskSupervisor::Listener listener;
  listener.output = [this](std::uint32_t task, control::OutputStream stream, std::string bytes) {
    send(control::Output{plan.tasks[task].id, stream, std::move(bytes)});
  };
  listener.ended = [this](std::uint32_t task, const control::TaskEnded& ended) {
    on_task_end(task, ended);
  };
  supervisor =
      std::make_unique<TaskSupervisor>(plan, arena->descriptor(), is_follower, std::move(listener));
  for (auto& [task, socket] : task_ends_of_lines) supervisor->give_lines(task, std::move(socket));
  for (std::uint32_t task = 0; task < plan.tasks.size(); ++task) {
    const auto pid = supervisor->start(task);
    if (!pid) return fail(pid.error());
    pids.push_back(*pid);
    send(control::TaskStarted{plan.tasks[task].id, *pid});
  }
  return {};
}

/// A task without any goes on without direct lines.
MachineLink::TaskSockets QueueVm::State::make_line_sockets() {
  MachineLink::TaskSockets sockets;
  for (const auto& line : choose_lines(plan, *arena)) {
    if (sockets.contains(line.task)) continue;
    auto pair = make_lines_pair();
    if (!pair) break;
    sockets[line.task] = std::move(pair->queue_vm);
    task_ends_of_lines[line.task] = std::move(pair->task);
  }
  return sockets;
}

/// The link connects while the tasks are being started.
Result<void> QueueVm::State::open_link() {
  MachineLink::Listener listener;
  listener.connected = [this] { mailbox.link_connected(); };
  listener.failed = [this](Error error) { mailbox.link_failed(std::move(error)); };
  listener.settled = [this] { mailbox.link_settled(); };
  auto opened = MachineLink::open(plan, *arena, *ends, kLinkPatience, std::move(listener),
                                  make_line_sockets());
  if (!opened) return fail(opened.error());
  link = std::move(*opened);
  return {};
}

Result<void> QueueVm::State::open_door() {
  auto opened = OutsideDoor::open(plan, *arena, [this](std::vector<control::OutsideReply> replies) {
    mailbox.door_said(std::move(replies));
  });
  if (!opened) return fail(opened.error());
  door = std::move(*opened);
  return {};
}

/// False when it is not about programs outside.
bool QueueVm::State::pass_to_door(control::Message& message) {
  const auto pass = [this](auto&& body) {
    using Body = std::decay_t<decltype(body)>;
    if constexpr (std::is_constructible_v<control::OutsideRequest, Body&&>) {
      if (door) {
        door->hear(std::move(body));
      } else if constexpr (std::is_same_v<Body, control::OutsideOpen>) {
        send(control::OutsideClosed{body.session, control::OutsideEnd::kRefused,
                                    ErrorCode::kNotFound,
                                    "no port of this group is open to programs outside"});
      }
      return true;
    } else {
      return false;
    }
  };
  return std::visit(pass, std::move(message));
}

void QueueVm::State::on_task_end(std::uint32_t task, const control::TaskEnded& ended) {
  const bool by_itself = ended.kind == control::EndKind::kExited && ended.status == 0;
  arena->endpoint(task).state.store(static_cast<std::uint32_t>(EndpointState::kEnded),
                                    std::memory_order_release);
  ends->task_ended(task, !by_itself);
  somebody_ended = true;
  send(ended);
  const bool failed = ended.kind == control::EndKind::kSignalled ||
                      (ended.kind == control::EndKind::kExited && ended.status != 0);
  if (failed && plan.end_on_failure) {
    supervisor->stop(control::StopReason::kFailure);
    // Tasks that have not passed the gate yet would wait for ever.
    if (phase < Phase::kRunning) set_gate(arena->header(), Gate::kBarred);
  }
}

void QueueVm::State::end_when_all_ended() {
  if (phase != Phase::kRunning || supervisor->running() > 0) return;
  phase = Phase::kEnded;
  supervisor->collect();
  send(control::AllEnded{});
  if (control_lost) phase = Phase::kDone;
}

/// What is under way between machines is counted when all have told each other what became of it.
void QueueVm::State::finish() {
  door.reset();
  phase = Phase::kSettling;
  settle_until = now();
  // Nothing passed before all were connected.
  if (link_connected) *settle_until += plan.reconnect + kSettlePatience;
  report_when_settled();
}

void QueueVm::State::report_when_settled() {
  if (!link || link->settle(std::chrono::milliseconds(0))) report();
}

void QueueVm::State::report() {
  if (link && link_connected && !link->settle(std::chrono::milliseconds(0))) {
    log_warning("some machines did not tell what became of the last messages; the figures of the ",
                "queues between machines may disagree");
  }
  link.reset();
  send(control::Figures{ends->figures()});
  success = true;
  phase = Phase::kDone;
}

void QueueVm::State::on_signal() {
  signalfd_siginfo info{};
  bool end = false;
  while (::read(signals.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGCHLD) end = true;
  }
  if (supervisor) {
    supervisor->reap();
    end_when_all_ended();
  }
  if (end) {
    control_lost = true;
    end_without_control();
  }
}

void QueueVm::State::lose_control() {
  if (control_lost) return;
  control_lost = true;
  if (plan.on_control_loss == ControlLoss::kHold && phase == Phase::kRunning) {
    hold_until = now() + plan.hold;
  } else {
    end_without_control();
  }
}

/// Without its starter a group has nobody to work for.
void QueueVm::State::end_without_control() {
  hold_until.reset();
  if (!supervisor || phase >= Phase::kEnded) {
    phase = Phase::kDone;
    return;
  }
  skip_to_running();
  supervisor->stop(control::StopReason::kCancelled);
  end_when_all_ended();
}

/// A group that ends before its release: its tasks never pass the gate.
void QueueVm::State::skip_to_running() {
  if (phase >= Phase::kRunning) return;
  set_gate(arena->header(), Gate::kBarred);
  phase = Phase::kRunning;
}

void QueueVm::State::on_mail() {
  auto mail = mailbox.take();
  link_connected |= mail.link_connected;
  if (phase == Phase::kSettling) {
    if (mail.link_error) log_warning(mail.link_error->message);  // the tasks are done with it
    return report_when_settled();
  }
  if (mail.link_error) return fail_group(*mail.link_error);
  for (auto& reply : mail.replies) {
    std::visit([this](auto&& body) { send(std::forward<decltype(body)>(body)); }, std::move(reply));
  }
  ready_when_linked();
}

void QueueVm::State::fail_group(const Error& error) {
  send(control::Failed{error.code, error.message});
  if (arena) set_gate(arena->header(), Gate::kBarred);
  phase = Phase::kDone;
}

}  // namespace mvm::queue
