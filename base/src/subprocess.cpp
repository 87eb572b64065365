// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/subprocess.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include <mvm/base/clock.hpp>
#include <mvm/base/file.hpp>

extern char** environ;

namespace mvm {
namespace {

/// Where a child's start can fail; written by the child, read by the parent.
enum class Step : int { kNone, kParent, kDescriptors, kDirectory, kAffinity, kLimits, kExec };

constexpr const char* kStepWords[] = {
    "", "death signal", "descriptors", "folder", "CPU affinity", "limits", "execute"};

struct ChildFailure {
  volatile Step step = Step::kNone;
  volatile int error = 0;
};

/// Everything that the child touches between vfork and exec, made ready by the parent: the child
/// shares the parent's memory, so it may not allocate.
struct ChildPlan {
  const char* program;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<int> sources;  ///< descriptors by child number, after being moved out of the way
  cpu_set_t affinity;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const auto& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

int close_from(unsigned first) {
  return static_cast<int>(::syscall(SYS_close_range, first, ~0u, 0u));
}

bool set_limit(int resource, std::uint64_t value) {
  const rlimit limit{value, value};
  return ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0;
}

/// Runs in the vforked child: only system calls, no allocation, no return.
[[noreturn]] void become(const SpawnRequest& request, ChildPlan& plan, pid_t parent,
                         ChildFailure& failure) {
  const auto give_up = [&failure](Step step) {
    failure.error = errno;
    failure.step = step;
    ::_exit(127);
  };
  if (request.parent_death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, request.parent_death_signal);
    if (::getppid() != parent) give_up(Step::kParent);
  }
  if (request.new_process_group) ::setpgid(0, 0);
  // First above every number in use, then down to the wanted one: no dup2 overwrites a source.
  const int floor = static_cast<int>(plan.sources.size()) + 3;
  for (auto& source : plan.sources) {
    if (source < 0) continue;
    source = ::fcntl(source, F_DUPFD, floor);
    if (source < 0) give_up(Step::kDescriptors);
  }
  for (std::size_t i = 0; i < plan.sources.size(); ++i) {
    if (plan.sources[i] >= 0 && ::dup2(plan.sources[i], static_cast<int>(i)) < 0) {
      give_up(Step::kDescriptors);
    }
  }
  if (close_from(static_cast<unsigned>(plan.sources.size())) != 0) give_up(Step::kDescriptors);
  if (!request.directory.empty() && ::chdir(request.directory.c_str()) != 0) {
    give_up(Step::kDirectory);
  }
  // Cores can be taken away between planning and start: running elsewhere beats not running.
  if (!request.cores.empty()) ::sched_setaffinity(0, sizeof plan.affinity, &plan.affinity);
  if (request.data_limit && !set_limit(RLIMIT_DATA, request.data_limit->count)) {
    give_up(Step::kLimits);
  }
  if (request.file_limit && !set_limit(RLIMIT_FSIZE, request.file_limit->count)) {
    give_up(Step::kLimits);
  }
  if (!request.core_dumps) set_limit(RLIMIT_CORE, 0);
  // An ignored signal stays ignored across exec, so give the program the defaults.
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGXFSZ, SIGHUP}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.program, plan.arguments.data(), plan.environment.data());
  give_up(Step::kExec);
  ::_exit(127);
}

Result<std::string> locate(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const auto path = find_program(name);
  if (!path) return fail(ErrorCode::kNotFound, "program '", name, "' is not in PATH");
  return path->string();
}

UniqueFd open_null() {
  return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

/// Reads what is there and keeps it up to the limit. False at the end of the stream.
bool drain(int fd, std::string& into, Bytes limit) {
  char buffer[16384];
  const auto got = ::read(fd, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  const auto room = limit.count - std::min<std::uint64_t>(limit.count, into.size());
  into.append(buffer, std::min<std::size_t>(static_cast<std::size_t>(got), room));
  return true;
}

/// Children of `pid` as the kernel lists them; empty when it has none or is gone.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  UniqueFd tasks(::open(text("/proc/", pid, "/task").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!tasks) return children;
  DIR* folder = ::fdopendir(tasks.release());
  if (folder == nullptr) return children;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    const UniqueFd list(::open(text("/proc/", pid, "/task/", entry->d_name, "/children").c_str(),
                               O_RDONLY | O_CLOEXEC));
    std::string words;
    while (list && drain(list.get(), words, 1_MiB)) {
    }
    const char* at = words.data();
    const char* const end = at + words.size();
    while (at < end) {
      pid_t child = 0;
      const auto [next, error] = std::from_chars(at, end, child);
      if (error == std::errc()) children.push_back(child);
      at = std::max(next, at) + 1;
    }
  }
  ::closedir(folder);
  return children;
}

/// Closes every descriptor above 2 but these. A guardian that held on to its caller's other pipes
/// would keep them open past the end of the programs that write to them.
void keep_only(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned first = 3;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 0 || number < first) continue;
    if (number > first) ::syscall(SYS_close_range, first, number - 1, 0u);
    first = number + 1;
  }
  close_from(first);
}

/// The body of the guardian process of `run_guarded`: starts the program, waits for its end, the
/// time limit, or the caller's death or wish (SIGTERM), ends whatever is left, and reports the
/// status word.
[[noreturn]] void guard(SpawnRequest request, std::chrono::milliseconds time_limit, pid_t parent,
                        int report) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  if (::getppid() != parent) ::_exit(1);
  std::vector<int> kept{request.standard_output, request.standard_error, report};
  for (const auto& [ours, number] : request.descriptors) kept.push_back(ours);
  keep_only(std::move(kept));
  request.new_process_group = false;
  const auto child = spawn(request);
  if (!child) {
    const auto words = text('E', static_cast<int>(child.error().code), ' ', child.error().message);
    [[maybe_unused]] const auto written = write_all(report, words);
    ::_exit(0);
  }
  const auto deadline = now() + time_limit;
  char verdict = 'S';
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(child->pid, &status, WNOHANG);
    if (ended == child->pid) break;
    const auto left =
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - now()).count();
    if (left <= 0) {
      verdict = 'T';
      break;
    }
    const timespec wait{left / 1'000'000'000, left % 1'000'000'000};
    const int signal = ::sigtimedwait(&wanted, nullptr, &wait);
    if (signal == SIGTERM || signal == SIGINT) {
      verdict = 'I';
      break;
    }
  }
  kill_descendants();
  const auto words = text(verdict, status);
  [[maybe_unused]] const auto written = write_all(report, words);
  ::_exit(0);
}

}  // namespace

Result<Child> spawn(const SpawnRequest& request) {
  if (request.arguments.empty()) return fail(ErrorCode::kUsage, "no program to start");
  const auto program = locate(request.arguments.front());
  if (!program) return fail(program.error());

  const UniqueFd null = open_null();
  ChildPlan plan;
  plan.program = program->c_str();
  plan.arguments = pointers(request.arguments);
  plan.environment = pointers(request.environment);
  int highest = 2;
  for (const auto& [ours, number] : request.descriptors) highest = std::max(highest, number);
  plan.sources.assign(static_cast<std::size_t>(highest) + 1, null.get());
  const auto stream = [](int wanted, int inherited) { return wanted >= 0 ? wanted : inherited; };
  plan.sources[0] = stream(request.standard_input, null.get());
  plan.sources[1] = stream(request.standard_output, STDOUT_FILENO);
  plan.sources[2] = stream(request.standard_error, STDERR_FILENO);
  for (const auto& [ours, number] : request.descriptors) {
    plan.sources[static_cast<std::size_t>(number)] = ours;
  }
  CPU_ZERO(&plan.affinity);
  for (const int core : request.cores) CPU_SET(static_cast<std::size_t>(core), &plan.affinity);

  // No signal handler of ours may run in the child while it shares our memory.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  ChildFailure failure;
  const pid_t parent = ::getpid();
  const pid_t pid = ::vfork();
  if (pid == 0) become(request, plan, parent, failure);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    errno = fork_error;
    return fail_system("start ", request.arguments.front());
  }
  if (failure.step != Step::kNone) {
    ::waitpid(pid, nullptr, 0);
    errno = failure.error;
    return fail_system("start ", request.arguments.front(), ": ",
                       kStepWords[static_cast<int>(failure.step)]);
  }
  Child child;
  child.pid = pid;
  child.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!child.pidfd) {
    auto error = system_error(text("watch ", request.arguments.front()));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(std::move(error));
  }
  return child;
}

ExitStatus decode_wait_status(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

void kill_descendants() {
  // Children that die hand their own children to us, so look again until nobody is left.
  for (;;) {
    const auto children = children_of(::getpid());
    for (const pid_t child : children) {
      for (const pid_t grandchild : children_of(child)) ::kill(grandchild, SIGKILL);
      ::kill(child, SIGKILL);
    }
    int status = 0;
    if (::waitpid(-1, &status, 0) < 0 && errno == ECHILD) return;
  }
}

Result<Completed> run_guarded(SpawnRequest request, std::chrono::milliseconds time_limit,
                              Bytes output_limit, int cancel) {
  int output[2];
  int errors[2];
  int report[2];
  if (::pipe2(output, O_CLOEXEC) != 0) return fail_system("pipe");
  const UniqueFd output_read(output[0]);
  UniqueFd output_write(output[1]);
  if (::pipe2(errors, O_CLOEXEC) != 0) return fail_system("pipe");
  const UniqueFd errors_read(errors[0]);
  UniqueFd errors_write(errors[1]);
  if (::pipe2(report, O_CLOEXEC) != 0) return fail_system("pipe");
  const UniqueFd report_read(report[0]);
  UniqueFd report_write(report[1]);
  request.standard_input = -1;
  request.standard_output = output_write.get();
  request.standard_error = errors_write.get();
  request.parent_death_signal = SIGKILL;

  const pid_t parent = ::getpid();
  const pid_t guardian = ::fork();
  if (guardian < 0) return fail_system("fork");
  if (guardian == 0) guard(std::move(request), time_limit, parent, report_write.get());
  output_write.reset();
  errors_write.reset();
  report_write.reset();

  Completed completed;
  std::string verdict;
  pollfd streams[] = {{output_read.get(), POLLIN, 0},
                      {errors_read.get(), POLLIN, 0},
                      {report_read.get(), POLLIN, 0},
                      {cancel, POLLIN, 0}};
  std::string* const into[] = {&completed.output, &completed.errors, &verdict};
  int open_streams = 3;
  while (open_streams > 0) {
    if (::poll(streams, 4, -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (streams[3].revents != 0) {
      ::kill(guardian, SIGTERM);
      streams[3].fd = -1;
      streams[3].revents = 0;
    }
    for (int i = 0; i < 3; ++i) {
      if (streams[i].fd < 0 || streams[i].revents == 0) continue;
      if (!drain(streams[i].fd, *into[i], output_limit)) {
        streams[i].fd = -1;
        --open_streams;
      }
    }
  }
  while (::waitpid(guardian, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (verdict.empty()) {
    return fail(ErrorCode::kInterrupted, "the guardian of a program was ended from outside");
  }
  const std::string_view words = verdict;
  int number = 0;
  const char* const end =
      std::from_chars(words.data() + 1, words.data() + words.size(), number).ptr;
  if (words[0] == 'E') {
    const auto message = words.substr(
        std::min<std::size_t>(words.size(), static_cast<std::size_t>(end - words.data()) + 1));
    return fail(Error{static_cast<ErrorCode>(number), std::string(message)});
  }
  if (words[0] == 'I') return fail(ErrorCode::kInterrupted, "interrupted");
  completed.timed_out = words[0] == 'T';
  completed.status = decode_wait_status(number);
  return completed;
}

std::optional<std::filesystem::path> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    const auto candidate = std::filesystem::path(rest.substr(0, colon)) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return {};
}

std::vector<std::string> current_environment() {
  std::vector<std::string> words;
  for (char** word = environ; *word != nullptr; ++word) words.emplace_back(*word);
  return words;
}

}  // namespace mvm
