// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/task_supervisor.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <mvm/base/file.hpp>
#include <mvm/base/log.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/queuelayer/task_files.hpp>

namespace mvm::queue {
namespace {

/// The number of the arena's descriptor in every task.
constexpr int kArenaDescriptor = 3;
/// The largest pipe that an unprivileged task can make of its output (fs.pipe-max-size).
constexpr std::size_t kPipeHolds = 1 << 20;

Duration since(const timeval& user, const timeval& system) {
  return std::chrono::seconds(user.tv_sec + system.tv_sec) +
         std::chrono::microseconds(user.tv_usec + system.tv_usec);
}

}  // namespace

TaskSupervisor::TaskSupervisor(const WiringPlan& plan, int arena,
                               std::function<bool(std::uint32_t)> is_follower, Listener listener)
    : plan_(plan),
      arena_(arena),
      is_follower_(std::move(is_follower)),
      listener_(std::move(listener)),
      environment_(current_environment()),
      tasks_(plan.tasks.size()) {
  environment_.push_back("MVM_GROUP=" + plan.group);
  environment_.push_back(text("MVM_ARENA=", kArenaDescriptor));
}

Result<pid_t> TaskSupervisor::start(std::uint32_t number) {
  const TaskSpec& spec = plan_.tasks[number];
  if (auto prepared = prepare_directory(spec); !prepared) return fail(prepared.error());
  UniqueFd write_ends[2];
  for (int stream : {0, 1}) {
    if (auto opened = open_stream(number, stream, write_ends[stream]); !opened) {
      return fail(opened.error());
    }
  }
  SpawnRequest request;
  request.arguments.push_back(plan_.programs[spec.program]);
  request.arguments.insert(request.arguments.end(), spec.arguments.begin(), spec.arguments.end());
  request.environment = environment_;
  request.environment.push_back(text("MVM_TASK=", number));
  request.environment.push_back("MVM_TASK_NAME=" + spec.name());
  request.environment.insert(request.environment.end(), spec.environment.begin(),
                             spec.environment.end());
  request.directory = spec.directory;
  request.standard_output = write_ends[0].get();
  request.standard_error = write_ends[1].get();
  request.descriptors = {{arena_, kArenaDescriptor}};
  request.cores.assign(spec.cores.begin(), spec.cores.end());
  request.data_limit = spec.memory;
  auto child = spawn(request);
  if (!child) {
    return fail(ErrorCode::kLaunch, spec.name(), ": ", child.error().message);
  }
  Task& task = tasks_[number];
  task.pid = child->pid;
  task.started = true;
  task_of_pid_[child->pid] = number;
  ++running_;
  return child->pid;
}

Result<void> TaskSupervisor::open_stream(std::uint32_t task, int stream, UniqueFd& write_end) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_system("make a pipe for a task's output");
  write_end.reset(ends[1]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  tasks_[task].streams[stream].fd.reset(ends[0]);
  task_of_descriptor_[ends[0]] = task;
  return {};
}

void TaskSupervisor::released() {
  released_at_ = now();
  if (plan_.wall_time.count() > 0) wall_time_at_ = *released_at_ + plan_.wall_time;
}

void TaskSupervisor::stop(control::StopReason reason) {
  const bool kill = reason == control::StopReason::kKill;
  if (!stopping_) stopping_ = reason;
  if (kill) {
    signal_all(SIGKILL);
  } else if (!kill_at_) {
    signal_all(SIGTERM);
    // A task that is stopped (SIGSTOP) could not even hear the request.
    signal_all(SIGCONT);
    kill_at_ = now() + plan_.grace;
  }
}

void TaskSupervisor::signal_all(int signal) {
  for (const auto& [pid, task] : task_of_pid_) {
    // Its whole process group; and the task itself, should it have moved to another one.
    const bool group_told = ::kill(-pid, signal) == 0;
    if (!group_told || signal == SIGKILL) ::kill(pid, signal);
  }
}

std::optional<SteadyTime> TaskSupervisor::tick() {
  const auto time = now();
  if (wall_time_at_ && time >= *wall_time_at_) {
    wall_time_at_.reset();
    if (running_ > 0) stop(control::StopReason::kTimeLimit);
  }
  if (kill_at_ && time >= *kill_at_) {
    kill_at_.reset();
    signal_all(SIGKILL);
  }
  if (running_ == 0) return {};
  if (wall_time_at_ && kill_at_) return std::min(*wall_time_at_, *kill_at_);
  return wall_time_at_ ? wall_time_at_ : kill_at_;
}

void TaskSupervisor::reap() {
  int status = 0;
  rusage usage{};
  for (;;) {
    const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
    if (pid <= 0) return;
    const auto found = task_of_pid_.find(pid);
    // Others are orphans of tasks that this process inherited.
    if (found == task_of_pid_.end()) continue;
    const auto number = found->second;
    task_of_pid_.erase(found);
    // What the task started in its own process group goes with it.
    ::kill(-pid, SIGKILL);
    on_end(number, status, usage);
  }
}

void TaskSupervisor::on_end(std::uint32_t number, int wait_status, const rusage& usage) {
  Task& task = tasks_[number];
  task.ended = true;
  --running_;
  for (int stream : {0, 1}) {
    // What it wrote last is still in the pipe. A child of it may hold the pipe open and write for
    // ever: no more is read than the pipe can have held.
    std::size_t left = kPipeHolds;
    while (task.streams[stream].fd && left > 0) {
      char buffer[16384];
      const auto got = ::read(task.streams[stream].fd.get(), buffer, std::min(sizeof buffer, left));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      hand_on(number, stream, {buffer, static_cast<std::size_t>(got)});
      left -= static_cast<std::size_t>(got);
    }
    close_stream(number, stream);
  }
  const auto status = decode_wait_status(wait_status);
  control::TaskEnded ended;
  ended.task = plan_.tasks[number].id;
  ended.status = status.signal != 0 ? status.signal : status.code;
  if (stopping_) {
    ended.kind = *stopping_ == control::StopReason::kTimeLimit ? control::EndKind::kTimeLimit
                                                               : control::EndKind::kStopped;
  } else if (is_follower_(number) && status.signal == 0) {
    ended.kind = control::EndKind::kFollower;
  } else {
    ended.kind = status.signal != 0 ? control::EndKind::kSignalled : control::EndKind::kExited;
  }
  if (released_at_) ended.ran = now() - *released_at_;
  ended.cpu = since(usage.ru_utime, usage.ru_stime);
  ended.peak_memory = Bytes{static_cast<std::uint64_t>(usage.ru_maxrss) << 10};
  listener_.ended(number, ended);
}

bool TaskSupervisor::read_output(int descriptor) {
  const auto found = task_of_descriptor_.find(descriptor);
  if (found == task_of_descriptor_.end()) return false;
  const auto number = found->second;
  const int stream = tasks_[number].streams[0].fd.get() == descriptor ? 0 : 1;
  char buffer[65536];
  const auto got = ::read(descriptor, buffer, sizeof buffer);
  if (got > 0) {
    hand_on(number, stream, {buffer, static_cast<std::size_t>(got)});
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  close_stream(number, stream);
  return false;
}

/// Passes whole lines in pieces that fit a frame, and keeps the beginning of the next line. A line
/// that does not fit goes in parts.
void TaskSupervisor::hand_on(std::uint32_t number, int stream, std::string_view bytes) {
  auto& partial = tasks_[number].streams[stream].partial;
  const auto kind = static_cast<control::OutputStream>(stream);
  const bool line_ends = bytes.find('\n') != std::string_view::npos;
  partial.append(bytes);
  if (!line_ends && partial.size() < control::kMaxText) return;
  std::string_view rest = partial;
  for (;;) {
    const auto frame = rest.substr(0, control::kMaxText);
    const auto end_of_lines = frame.rfind('\n') + 1;  // 0 when there is none
    if (end_of_lines == 0 && frame.size() < control::kMaxText) break;
    const auto piece = rest.substr(0, end_of_lines > 0 ? end_of_lines : frame.size());
    listener_.output(number, kind, std::string(piece));
    rest.remove_prefix(piece.size());
  }
  partial.erase(0, partial.size() - rest.size());
}

void TaskSupervisor::close_stream(std::uint32_t number, int stream) {
  auto& output = tasks_[number].streams[stream];
  if (!output.partial.empty()) {
    listener_.output(number, static_cast<control::OutputStream>(stream), std::move(output.partial));
    output.partial.clear();
  }
  if (output.fd) task_of_descriptor_.erase(output.fd.get());
  output.fd.reset();
}

void TaskSupervisor::collect() {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (tasks_[i].started) collect_outputs(plan_.tasks[i], plan_.output_directory);
    remove_directory(plan_.tasks[i]);
  }
}

}  // namespace mvm::queue
