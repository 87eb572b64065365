// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace mvm::queue {

/// A forked copy of this process that runs a body of its own, and that can be led to its death
/// instruction by instruction. It ends with whoever forked it, and by itself after a minute.
class TracedProcess {
 public:
  /// The body's answer is the exit status. It begins when `begin` or `trace` is called.
  template <typename Body>
  explicit TracedProcess(Body&& body) {
    int gate[2];
    if (::pipe(gate) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::alarm(60);
      ::close(gate[1]);
      char go = 0;
      const bool begins = ::read(gate[0], &go, 1) == 1;
      ::_exit(begins ? body() : 99);
    }
    ::close(gate[0]);
    gate_ = gate[1];
  }
  TracedProcess(TracedProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), gate_(std::exchange(other.gate_, -1)) {}
  TracedProcess& operator=(TracedProcess&&) = delete;
  ~TracedProcess() {
    if (gate_ >= 0) ::close(gate_);
    if (pid_ > 0) kill();
  }

  void begin() {
    if (::write(gate_, "g", 1) != 1) throw std::runtime_error("pipe closed");
    ::close(std::exchange(gate_, -1));
  }
  /// Begins under our eyes: `mark` then stops it.
  void trace() {
    if (::ptrace(PTRACE_SEIZE, pid_, 0, 0) != 0) {
      throw std::runtime_error("this host allows no ptrace of own children");
    }
    begin();
  }

  /// In the body of a traced process: here it is to be met.
  static void mark() { asm volatile("int3" ::: "memory"); }

  /// True when it came to a mark, false when it ended before.
  bool run_to_mark() {
    const int status = wait();
    if (!WIFSTOPPED(status)) return false;
    if (WSTOPSIG(status) == SIGTRAP) return true;
    throw std::runtime_error("stopped by signal " + std::to_string(WSTOPSIG(status)));
  }
  /// Stops it wherever it is. False when it has ended.
  bool interrupt() {
    if (::ptrace(PTRACE_INTERRUPT, pid_, 0, 0) != 0) return false;
    return WIFSTOPPED(wait());
  }
  /// Runs so many instructions. False when it ended before.
  bool step(std::uint64_t instructions) {
    for (; instructions > 0; --instructions) {
      if (::ptrace(PTRACE_SINGLESTEP, pid_, 0, 0) != 0) return false;
      if (!WIFSTOPPED(wait())) return false;
    }
    return true;
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (pid_ > 0) wait();
  }
  /// Its exit status; negative for the signal that ended it.
  int finish() {
    int status = 0;
    while (pid_ > 0) status = wait();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, __WALL) < 0) {
      if (errno != EINTR) throw std::runtime_error("waitpid");
    }
    if (!WIFSTOPPED(status)) pid_ = -1;
    return status;
  }

  pid_t pid_ = -1;
  int gate_ = -1;
};

}  // namespace mvm::queue
