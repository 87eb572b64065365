// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/task_supervisor.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <mvm/base/file.hpp>
#include <mvm/base/log.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/queuelayer/line_handover.hpp>
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
      tasks_(plan.tasks.size()),
      workers_(plan.workers) {
  for (std::uint32_t i = 0; i < plan.tasks.size(); ++i) {
    if (const auto& worker = plan.tasks[i].worker) workers_[*worker].tasks.push_back(i);
  }
  environment_.push_back("MVM_GROUP=" + plan.group);
  environment_.push_back(text("MVM_ARENA=", kArenaDescriptor));
}

Result<pid_t> TaskSupervisor::start(std::uint32_t number) {
  const auto& worker = plan_.tasks[number].worker;
  if (!worker) return start_process(number);
  if (workers_[*worker].pid < 0) {
    if (auto started = start_worker(*worker); !started) return fail(started.error());
  }
  return workers_[*worker].pid;
}

Result<pid_t> TaskSupervisor::start_process(std::uint32_t number) {
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
  if (const auto lines = lines_.find(number); lines != lines_.end()) {
    request.descriptors.emplace_back(lines->second.get(), kLinesDescriptor);
    request.environment.push_back(text("MVM_LINES=", kLinesDescriptor));
  }
  request.cores.assign(spec.cores.begin(), spec.cores.end());
  request.data_limit = spec.memory;
  auto child = spawn(request);
  lines_.erase(number);
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

/// The list goes in a file, and news come through a pipe: so a worker that hangs holds up nobody.
Result<void> TaskSupervisor::start_worker(std::uint32_t number) {
  Worker& worker = workers_[number];
  const auto first = worker.tasks.front();
  for (const auto task : worker.tasks) {
    if (auto prepared = prepare_fiber(plan_.tasks[task]); !prepared) return prepared;
  }
  const UniqueFd list(::memfd_create("mvm-fibers", MFD_CLOEXEC));
  if (!list || !write_all(list.get(), worker::encode(worker::fibers_of(plan_, number)))) {
    return fail_system("write the list of a worker's fibers");
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_system("make a pipe for a worker's news");
  worker.news.reset(ends[0]);
  const UniqueFd news(ends[1]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  worker_of_descriptor_[ends[0]] = number;
  // What nobody can tell whose it is, from below the C library, has the name of the first.
  UniqueFd write_ends[2];
  for (int stream : {0, 1}) {
    if (auto opened = open_stream(first, stream, write_ends[stream]); !opened) return opened;
  }
  SpawnRequest request;
  request.arguments = {plan_.worker_program};
  request.environment = environment_;
  request.directory = std::filesystem::path(plan_.tasks[first].directory).parent_path();
  request.standard_output = write_ends[0].get();
  request.standard_error = write_ends[1].get();
  request.descriptors = {{arena_, worker::kArenaDescriptor},
                         {list.get(), worker::kListDescriptor},
                         {news.get(), worker::kNewsDescriptor}};
  request.cores.assign(plan_.tasks[first].cores.begin(), plan_.tasks[first].cores.end());
  if (const auto memory = plan_.tasks[first].memory) {
    request.data_limit = Bytes{memory->count * worker.tasks.size()};
  }
  auto child = spawn(request);
  if (!child) {
    return fail(ErrorCode::kLaunch, "the worker of ", plan_.tasks[first].name(), ": ",
                child.error().message);
  }
  worker.pid = child->pid;
  worker_of_pid_[child->pid] = number;
  for (const auto task : worker.tasks) {
    tasks_[task].pid = child->pid;
    tasks_[task].started = true;
    ++running_;
  }
  return {};
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
  for (const auto* processes : {&task_of_pid_, &worker_of_pid_}) {
    for (const auto& [pid, number] : *processes) {
      // Its whole process group; and the process itself, should it have moved to another one.
      const bool group_told = ::kill(-pid, signal) == 0;
      if (!group_told || signal == SIGKILL) ::kill(pid, signal);
    }
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
    const auto task = task_of_pid_.find(pid);
    const auto worker = worker_of_pid_.find(pid);
    // Others are orphans of tasks that this process inherited.
    if (task == task_of_pid_.end() && worker == worker_of_pid_.end()) continue;
    // What the task started in its own process group goes with it.
    ::kill(-pid, SIGKILL);
    if (task != task_of_pid_.end()) {
      const auto number = task->second;
      task_of_pid_.erase(task);
      on_end(number, decode_wait_status(status),
             {since(usage.ru_utime, usage.ru_stime),
              Bytes{static_cast<std::uint64_t>(usage.ru_maxrss) << 10}});
    } else {
      const auto number = worker->second;
      worker_of_pid_.erase(worker);
      on_worker_end(number, decode_wait_status(status));
    }
  }
}

/// What it wrote last is still in the pipe. A child of it may hold the pipe open and write for
/// ever: no more is read than the pipe can have held.
void TaskSupervisor::drain(std::uint32_t number) {
  for (int stream : {0, 1}) {
    std::size_t left = kPipeHolds;
    while (tasks_[number].streams[stream].fd && left > 0) {
      char buffer[16384];
      const auto got =
          ::read(tasks_[number].streams[stream].fd.get(), buffer, std::min(sizeof buffer, left));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      hand_on(number, stream, {buffer, static_cast<std::size_t>(got)});
      left -= static_cast<std::size_t>(got);
    }
    close_stream(number, stream);
  }
}

/// Its tasks end with it: the one whose fault it was by the signal, the others as its victims. When
/// it was ended from outside, nobody's fault is the first one's.
void TaskSupervisor::on_worker_end(std::uint32_t number, const ExitStatus& status) {
  Worker& worker = workers_[number];
  char buffer[65536];
  std::size_t left = kPipeHolds;
  while (worker.news && left > 0) {
    const auto got = ::read(worker.news.get(), buffer, std::min(sizeof buffer, left));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || !take_news(worker, {buffer, static_cast<std::size_t>(got)})) break;
    left -= static_cast<std::size_t>(got);
  }
  if (worker.news) worker_of_descriptor_.erase(worker.news.get());
  worker.news.reset();
  drain(worker.tasks.front());
  // It ends well only after its last task.
  auto how = status;
  if (how.success()) how.code = 1;
  const auto unfinished = [this](std::uint32_t task) { return !tasks_[task].ended; };
  if (!worker.culprit || !unfinished(*worker.culprit)) {
    const auto first = std::ranges::find_if(worker.tasks, unfinished);
    if (first == worker.tasks.end()) return;
    worker.culprit = *first;
  }
  const bool was_ended = stopping_.has_value();  // the culprit's end may end the group
  on_end(*worker.culprit, how, {});
  for (const auto task : worker.tasks) {
    if (unfinished(task)) on_end(task, how, {}, !was_ended);
  }
}

void TaskSupervisor::on_end(std::uint32_t number, const ExitStatus& status, const Usage& usage,
                            bool with_worker) {
  tasks_[number].ended = true;
  --running_;
  if (plan_.tasks[number].worker) {
    for (int stream : {0, 1}) end_line(number, stream);
  } else {
    drain(number);
  }
  control::TaskEnded ended;
  ended.task = plan_.tasks[number].id;
  ended.status = status.signal != 0 ? status.signal : status.code;
  if (with_worker) {
    ended.kind = control::EndKind::kLostWorker;
  } else if (stopping_) {
    ended.kind = *stopping_ == control::StopReason::kTimeLimit ? control::EndKind::kTimeLimit
                                                               : control::EndKind::kStopped;
  } else if (is_follower_(number) && status.signal == 0) {
    ended.kind = control::EndKind::kFollower;
  } else {
    ended.kind = status.signal != 0 ? control::EndKind::kSignalled : control::EndKind::kExited;
  }
  if (released_at_) ended.ran = now() - *released_at_;
  ended.cpu = usage.cpu;
  ended.peak_memory = usage.peak_memory;
  listener_.ended(number, ended);
}

std::vector<int> TaskSupervisor::descriptors() const {
  std::vector<int> all;
  for (const auto& [descriptor, task] : task_of_descriptor_) all.push_back(descriptor);
  for (const auto& [descriptor, worker] : worker_of_descriptor_) all.push_back(descriptor);
  return all;
}

/// False at the end.
bool TaskSupervisor::read_news(std::uint32_t number) {
  Worker& worker = workers_[number];
  char buffer[65536];
  const auto got = ::read(worker.news.get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got > 0 && take_news(worker, {buffer, static_cast<std::size_t>(got)})) return true;
  worker_of_descriptor_.erase(worker.news.get());
  worker.news.reset();
  return false;
}

/// A worker that tells nonsense was overwritten by its tasks: it is ended. False then.
bool TaskSupervisor::take_news(Worker& worker, std::string_view bytes) {
  worker.reader.feed(bytes);
  for (;;) {
    auto piece = worker.reader.next();
    const bool sound =
        piece && (!*piece || std::ranges::binary_search(worker.tasks, (*piece)->news.task));
    if (!sound) {
      log_error(
          "the worker of ", plan_.tasks[worker.tasks.front()].name(),
          " told what nobody understands, and is ended; look for a write past an array's end");
      if (worker_of_pid_.contains(worker.pid)) ::kill(worker.pid, SIGKILL);
      return false;
    }
    if (!*piece) return true;
    on_news(worker, std::move(**piece));
  }
}

void TaskSupervisor::on_news(Worker& worker, worker::NewsReader::Piece&& piece) {
  const auto& news = piece.news;
  // Threads of a task may go on after its end.
  if (tasks_[news.task].ended) return;
  const Usage usage{Duration(std::max<std::int64_t>(news.cpu_ns, 0)), Bytes{news.memory}};
  switch (news.kind) {
    case worker::NewsKind::kOutput:
      return hand_on(news.task, 0, piece.bytes);
    case worker::NewsKind::kErrors:
      return hand_on(news.task, 1, piece.bytes);
    case worker::NewsKind::kExited:
      return on_end(news.task, {.code = news.status & 0xff}, usage);
    case worker::NewsKind::kSignalled:
      return on_end(news.task, {.signal = news.status & 0x7f}, usage);
    case worker::NewsKind::kCrashed:
      worker.culprit = news.task;
      return;
  }
}

bool TaskSupervisor::read_output(int descriptor) {
  if (const auto worker = worker_of_descriptor_.find(descriptor);
      worker != worker_of_descriptor_.end()) {
    return read_news(worker->second);
  }
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

/// Nothing more will come to the line that has begun.
void TaskSupervisor::end_line(std::uint32_t number, int stream) {
  auto& partial = tasks_[number].streams[stream].partial;
  if (partial.empty()) return;
  listener_.output(number, static_cast<control::OutputStream>(stream), std::move(partial));
  partial.clear();
}

void TaskSupervisor::close_stream(std::uint32_t number, int stream) {
  auto& output = tasks_[number].streams[stream];
  end_line(number, stream);
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
