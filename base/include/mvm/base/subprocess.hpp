// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/base/units.hpp>

namespace mvm {

/// How a child process is to be started. Everything not named is inherited; all descriptors but
/// 0, 1, 2 and `descriptors` are closed in the child.
struct SpawnRequest {
  std::vector<std::string> arguments;            ///< [0] is looked up in PATH unless it has a '/'
  std::vector<std::string> environment;          ///< "NAME=value", the child's whole environment
  std::filesystem::path directory;               ///< empty: the parent's
  int standard_input = -1;                       ///< -1: /dev/null
  int standard_output = -1;                      ///< -1: inherited
  int standard_error = -1;                       ///< -1: inherited
  std::vector<std::pair<int, int>> descriptors;  ///< (ours, the child's number), child's from 3
  std::vector<int> cores;                        ///< CPU affinity; empty: inherited
  std::optional<Bytes> data_limit;               ///< RLIMIT_DATA: private writable memory
  std::optional<Bytes> file_limit;               ///< RLIMIT_FSIZE
  bool core_dumps = false;                       ///< false: RLIMIT_CORE is 0
  int parent_death_signal = 9;  ///< sent to the child when the spawning *thread* dies; 0: none
  bool new_process_group = true;
};

/// A started child. Not waited for by the destructor: whoever holds it reaps it.
struct Child {
  pid_t pid = -1;
  UniqueFd pidfd;  ///< readable when the child has ended
};

/// Starts a program. Uses vfork semantics, so its cost does not grow with the caller's memory.
/// Errors: kNotFound when the program is not there, kSystem with the step that failed.
/// Call from a thread that lives as long as the child should (see `parent_death_signal`).
[[nodiscard]] Result<Child> spawn(const SpawnRequest& request);

/// How a child ended.
struct ExitStatus {
  int code = 0;    ///< exit code, when `signal` is 0
  int signal = 0;  ///< the signal that ended it

  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
  /// As a shell would report it: the code, or 128 + signal.
  [[nodiscard]] int shell_status() const { return signal != 0 ? 128 + signal : code; }
};

/// Decodes the status word of waitpid.
[[nodiscard]] ExitStatus decode_wait_status(int status);

/// Output and end of a program that was run to completion.
struct Completed {
  ExitStatus status;
  std::string output;  ///< stdout, cut at the limit
  std::string errors;  ///< stderr, cut at the limit
  bool timed_out = false;
};

/// Runs a program to its end under a guardian, which ends the program and all its descendants when
/// the time limit passes or when the caller dies, by `kill -9` too. Output beyond `output_limit`
/// is read and dropped. `request`'s standard streams and death signal are set by this function; its
/// `descriptors` stay open in the guardian too, so a lock handed over lasts until nobody is left.
/// When `cancel` becomes readable, or on SIGINT or SIGTERM to the guardian, everything is ended and
/// the error is kInterrupted.
[[nodiscard]] Result<Completed> run_guarded(SpawnRequest request,
                                            std::chrono::milliseconds time_limit,
                                            Bytes output_limit, int cancel = -1);

/// Sends SIGKILL to every descendant of this process, repeatedly until none is left. The caller
/// must be a subreaper (PR_SET_CHILD_SUBREAPER), or descendants may escape. Reaps them.
void kill_descendants();

/// The program's full path by PATH, or nothing.
[[nodiscard]] std::optional<std::filesystem::path> find_program(const std::string& name);

/// This process's environment as "NAME=value" words.
[[nodiscard]] std::vector<std::string> current_environment();

}  // namespace mvm
