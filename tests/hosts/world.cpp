// SPDX-License-Identifier: Apache-2.0
#include "world.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace mvm::test {
namespace {

constexpr int kNamespaces = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID;

bool write_word(const char* file, const std::string& word) {
  const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool whole = ::write(fd, word.data(), word.size()) == static_cast<ssize_t>(word.size());
  ::close(fd);
  return whole;
}

/// Who makes a user namespace is its root, and so may make the others.
bool become_root() {
  const auto user = ::geteuid(), group = ::getegid();
  return ::unshare(CLONE_NEWUSER) == 0 && write_word("/proc/self/setgroups", "deny") &&
         write_word("/proc/self/uid_map", "0 " + std::to_string(user) + " 1") &&
         write_word("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
}

/// In the first process of new namespaces.
bool mount_own_proc() {
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
}

std::string why_not(const char* step) {
  return std::string("no hosts of our own: ") + step + ": " + std::strerror(errno);
}

bool entered = false;

[[noreturn]] void exit_like(int status) {
  if (WIFSIGNALED(status)) {
    ::signal(WTERMSIG(status), SIG_DFL);
    ::raise(WTERMSIG(status));
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/// The first process of a world or host: reaps whoever loses its parent, until `child` ends.
[[noreturn]] void bury_until(pid_t child) {
  for (int status = 0;;) {
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == child) exit_like(status);
    if (ended < 0 && errno != EINTR) ::_exit(1);
  }
}

}  // namespace

std::string enter_world() {
  // Root may be kept from it too, in a container.
  const bool as_user = ::getenv("MVM_HOSTS_AS_USER") != nullptr;
  if (as_user || ::unshare(kNamespaces) != 0) {
    if (!become_root()) return why_not("make a user namespace");
    if (::unshare(kNamespaces) != 0) return why_not("make namespaces");
  }
  int life[2];  // closed when the process outside is gone
  int word[2];  // what the first process inside has to say
  if (::pipe2(life, O_CLOEXEC) != 0 || ::pipe2(word, O_CLOEXEC) != 0) return why_not("make pipes");

  const pid_t first = ::fork();
  if (first < 0) return why_not("start a process");
  if (first > 0) {
    ::close(word[1]);
    std::string reason(256, '\0');
    const auto length = ::read(word[0], reason.data(), reason.size());
    int status = 0;
    while (::waitpid(first, &status, 0) < 0 && errno == EINTR) {
    }
    if (length <= 0) exit_like(status);
    reason.resize(static_cast<std::size_t>(length));
    return reason;
  }

  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::close(life[1]);
  pollfd outside{life[0], POLLIN, 0};
  if (::poll(&outside, 1, 0) != 0) ::_exit(1);  // it was gone before it could tell
  if (!mount_own_proc() || ::mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, nullptr) != 0) {
    const auto reason = why_not("mount /proc and /run");
    [[maybe_unused]] const auto told = ::write(word[1], reason.data(), reason.size());
    ::_exit(1);
  }
  const pid_t tests = ::fork();
  if (tests < 0) ::_exit(1);
  if (tests > 0) {
    ::close(word[1]);
    bury_until(tests);
  }
  entered = true;
  return {};
}

bool in_world() {
  return entered;
}

int be_host(const char* name) {
  if (::unshare(kNamespaces) != 0) {
    std::perror("make a host's namespaces");
    return 1;
  }
  const pid_t first = ::fork();
  if (first < 0) return 1;
  if (first == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    if (!mount_own_proc() || ::sethostname(name, std::strlen(name)) != 0 ||
        ::mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, nullptr) != 0) {
      std::perror("furnish a host");
      ::_exit(1);
    }
    std::puts("ready");
    std::fflush(stdout);
    for (int signal = 0;; ::sigwait(&child, &signal)) {
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
    }
  }
  std::printf("first %d\n", static_cast<int>(first));
  std::fflush(stdout);
  int status = 0;
  while (::waitpid(first, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace mvm::test
