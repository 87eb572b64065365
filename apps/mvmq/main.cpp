// SPDX-License-Identifier: GPL-3.0-or-later

/// mvmq: the queue VM of one job group on one machine. Started on demand, speaks the control
/// protocol on its standard input and output, and is gone with its group.

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>

#include <mvm/base/file.hpp>
#include <mvm/base/log.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/queuelayer/belongings.hpp>
#include <mvm/queuelayer/queue_vm.hpp>

namespace {

using mvm::queue::Belongings;

constexpr const char* kHelp =
    "Usage: mvmq\n"
    "\n"
    "The queue VM of MVM: runs the tasks of one job group on one machine. It is started by mvm\n"
    "when a group needs it, speaks the control protocol on standard input and output, and ends\n"
    "with its group. You will hardly ever start it by hand.\n"
    "\n"
    "  --help     this text\n"
    "  --version  the version\n";

/// The outer process: outlives the queue VM whatever ends it, and then ends whatever it left. Tasks
/// die with the queue VM by themselves; this is for what tasks have started.
/// `belongings` is a pipe on which the queue VM told what is to be removed.
int guard(pid_t queue_vm, int belongings) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // The signals of a terminal or an rsh agent are the queue VM's to answer.
  for (const int signal : {SIGINT, SIGHUP, SIGTERM}) ::signal(signal, SIG_IGN);
  ::close(STDIN_FILENO);
  ::close(STDOUT_FILENO);
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == queue_vm || (ended < 0 && errno != EINTR)) break;
  }
  mvm::kill_descendants();
  char words[PIPE_BUF];
  const auto length = ::read(belongings, words, sizeof words);
  if (length > 0) Belongings::from_text({words, static_cast<std::size_t>(length)}).remove();
  return mvm::decode_wait_status(status).shell_status();
}

}  // namespace

int main(int argc, char** argv) {
  mvm::set_log_name("mvmq");
  if (argc > 1) {
    const std::string_view word = argv[1];
    if (word == "--help" || word == "--version") {
      std::fputs(word == "--help" ? kHelp : "mvmq " MVM_VERSION "\n", stdout);
      return 0;
    }
    std::fprintf(stderr, "mvmq: unknown argument '%s', see mvmq --help\n", argv[1]);
    return 2;
  }
  int belongings[2];
  if (::pipe2(belongings, O_CLOEXEC | O_NONBLOCK) != 0) {
    std::perror("mvmq: pipe");
    return 1;
  }
  const pid_t guardian = ::getpid();
  const pid_t queue_vm = ::fork();
  if (queue_vm < 0) {
    std::perror("mvmq: fork");
    return 1;
  }
  if (queue_vm > 0) return guard(queue_vm, belongings[0]);
  // Should the guardian be killed, the queue VM ends its group as on any request to end.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != guardian) return 1;
  const auto tell = [&](const Belongings& mine) {
    const auto words = mine.to_text();
    if (words.size() > PIPE_BUF || !mvm::write_all(belongings[1], words)) {
      mvm::log_warning("the working directories stay behind should this process be killed");
    }
  };
  return mvm::queue::QueueVm(STDIN_FILENO, STDOUT_FILENO, tell).run();
}
