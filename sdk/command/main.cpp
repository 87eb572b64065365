// SPDX-License-Identifier: Apache-2.0

/// mvm-command: a task that is a plain program. It runs a job's <command> in a shell, with messages
/// of a port on its standard input, and what it writes as messages of another, so that a program in
/// any language takes part in a topology without knowing.

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mvm/base/subprocess.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/job.hpp>

#include "command_options.hpp"
#include "port_streams.hpp"

namespace mvm::command {
namespace {

constexpr int kUsageStatus = 2;

/// What is told to this process, for the command's sake. Blocked in every thread.
sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

/// The task's own, but for what lets a program attach as this task.
std::vector<std::string> command_environment(const Job& job) {
  auto words = current_environment();
  std::erase_if(words, [](const std::string& word) {
    return word.starts_with("MVM_ARENA=") || word.starts_with("MVM_TASK=");
  });
  words.push_back(text("MVM_INDEX=", job.index()));
  words.push_back(text("MVM_COUNT=", job.count()));
  return words;
}

Port* find_port(Job& job, const std::string& name, bool sends) {
  if (name.empty()) return nullptr;
  Port& port = job.port(name);
  if (sends ? !port.can_send() : !port.can_receive()) {
    throw error(text(job.name(), ", port ", name, ": no edge of the topology ",
                     sends ? "leaves" : "arrives at", " this port, but <command ",
                     sends ? "stdout" : "stdin", "=\"", name, "\"> wants it"));
  }
  return &port;
}

/// A pipe to or from the command.
struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};
Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw error(system_error("make a pipe").message);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// The command while it runs, and the threads between its streams and the ports.
class RunningCommand {
 public:
  RunningCommand(Job& job, const Options& options)
      : input_(find_port(job, options.input_port, false)),
        output_(find_port(job, options.output_port, true)) {
    Pipe to_command;
    Pipe from_command;
    SpawnRequest request;
    request.arguments = {"/bin/sh", "-c", options.line, std::string(job.name())};
    request.arguments.insert(request.arguments.end(), options.arguments.begin(),
                             options.arguments.end());
    request.environment = command_environment(job);
    // In this task's process group, so that whatever it starts is told, and ends, with the task.
    request.new_process_group = false;
    if (input_ != nullptr) {
      to_command = make_pipe();
      request.standard_input = to_command.read_end.get();
    }
    if (output_ != nullptr) {
      from_command = make_pipe();
      request.standard_output = from_command.write_end.get();
    }
    auto child = spawn(request);
    if (!child) throw error(text(job.name(), ": ", child.error().message));
    child_ = std::move(*child);
    start_streams(options.format, std::move(to_command.write_end),
                  std::move(from_command.read_end));
  }

  /// The command's end, when all that it wrote was sent. Signals that reach this process alone are
  /// handed on.
  ExitStatus wait() {
    const auto signals = awaited_signals();
    int status = 0;
    while (::waitpid(child_.pid, &status, WNOHANG) == 0) {
      siginfo_t info{};
      const int signal = ::sigwaitinfo(&signals, &info);
      // The queue VM tells the whole process group.
      if (signal > 0 && signal != SIGCHLD && info.si_pid != ::getppid()) {
        ::kill(child_.pid, signal);
      }
    }
    if (drainer_.joinable()) drainer_.join();
    return decode_wait_status(status);
  }

  /// What ended the sending, or the receiving, before its time.
  [[nodiscard]] std::exception_ptr problem() {
    const std::scoped_lock lock(mutex_);
    return problem_;
  }

 private:
  void start_streams(RecordFormat format, UniqueFd to_command, UniqueFd from_command) {
    if (output_ != nullptr) {
      drainer_ = std::thread([this, format, fd = std::move(from_command)]() mutable {
        keep_problem([&] { drain(std::move(fd), format, *output_, pidfd()); });
      });
    }
    if (input_ != nullptr) {
      // It may wait for messages that never come, so nobody waits for it.
      std::thread([this, format, fd = std::move(to_command)]() mutable {
        keep_problem([&] { feed(*input_, format, std::move(fd)); });
      }).detach();
    }
  }

  [[nodiscard]] int pidfd() const { return child_.pidfd.get(); }

  /// A command whose streams are broken would compute something else than it was asked for. One
  /// that nobody listens to any more finds out by itself.
  template <typename Work>
  void keep_problem(Work&& work) {
    try {
      work();
    } catch (const closed&) {
      keep_first(std::current_exception());
    } catch (...) {
      keep_first(std::current_exception());
      // By its descriptor: when it has ended, its number may be another process's.
      ::syscall(SYS_pidfd_send_signal, pidfd(), SIGKILL, nullptr, 0);
    }
  }

  void keep_first(std::exception_ptr problem) {
    const std::scoped_lock lock(mutex_);
    if (!problem_) problem_ = std::move(problem);
  }

  Port* input_;
  Port* output_;
  Child child_;
  std::thread drainer_;
  std::mutex mutex_;
  std::exception_ptr problem_;
};

int run(int argc, char** argv) {
  const auto options = parse_options({argv + 1, argv + argc});
  if (!options) {
    std::fprintf(stderr, "mvm-command: %s\n", options.error().message.c_str());
    return kUsageStatus;
  }
  ::signal(SIGPIPE, SIG_IGN);
  const auto signals = awaited_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  // Lives to the very end of the process, because the feeding thread does.
  auto& job = *new Job(argc, argv);
  auto& command = *new RunningCommand(job, *options);
  const auto status = command.wait().shell_status();
  const auto problem = command.problem();
  try {
    if (problem) std::rethrow_exception(problem);
  } catch (const closed&) {
    // Nobody receives any more: a command that did not mind has succeeded all the same.
    if (status != 0) throw;
  }
  ::_exit(status);
}

}  // namespace
}  // namespace mvm::command

int main(int argc, char** argv) {
  return mvm::command::run(argc, argv);
}
