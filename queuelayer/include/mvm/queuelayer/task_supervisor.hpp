// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/base/result.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>
#include <mvm/queuelayer/worker_protocol.hpp>

namespace mvm::queue {

/// Starts the tasks of a wiring plan, hands on what they write, and ends them: each is a process,
/// or a fiber of a worker process, which tells what becomes of its fibers. It does not wait by
/// itself: its owner polls `descriptors`, and calls `read_output`, `reap` and `tick`. One thread:
/// the one that started the tasks must live as long as they do.
class TaskSupervisor {
 public:
  /// What the owner is told. `task` is a position in the plan.
  struct Listener {
    std::function<void(std::uint32_t task, control::OutputStream, std::string bytes)> output;
    std::function<void(std::uint32_t task, const control::TaskEnded&)> ended;
  };

  /// `arena` is the descriptor that tasks inherit. `is_follower` tells whether a task that ended
  /// left word that it fell to a closed queue.
  TaskSupervisor(const WiringPlan& plan, int arena, std::function<bool(std::uint32_t)> is_follower,
                 Listener listener);

  /// Makes the working directory, stages the inputs, and starts task number `task`; of fibers, the
  /// first starts its worker with all of them. Gives the process. kLaunch.
  [[nodiscard]] Result<pid_t> start(std::uint32_t task);

  /// Before its start: where the task takes its direct lines.
  void give_lines(std::uint32_t task, UniqueFd socket) { lines_[task] = std::move(socket); }

  /// The group's time starts: running times are told from here, the wall-time counts.
  void released();

  /// Asks all tasks to end: SIGTERM, and SIGKILL after the plan's grace; kKill: at once.
  void stop(control::StopReason reason);

  /// Reads what arrived on one of `descriptors`. False at its end: it is closed and forgotten.
  bool read_output(int descriptor);
  [[nodiscard]] std::vector<int> descriptors() const;

  /// Takes note of tasks that ended; call on SIGCHLD.
  void reap();

  /// Does what is due by time. The next time to call, if any.
  [[nodiscard]] std::optional<SteadyTime> tick();

  [[nodiscard]] std::size_t running() const { return running_; }

  /// After the last task: moves outputs to their place and removes working directories.
  void collect();

 private:
  struct Output {
    UniqueFd fd;
    std::string partial;  ///< the beginning of a line
  };
  struct Task {
    pid_t pid = -1;
    bool started = false;
    bool ended = false;
    Output streams[2];
  };
  struct Worker {
    pid_t pid = -1;
    UniqueFd news;
    queue::worker::NewsReader reader;
    std::vector<std::uint32_t> tasks;      ///< in the plan's order
    std::optional<std::uint32_t> culprit;  ///< the task that has raised the signal that ends it
  };
  /// What a task used, as far as it is known.
  struct Usage {
    Duration cpu{0};
    Bytes peak_memory;
  };

  [[nodiscard]] Result<pid_t> start_process(std::uint32_t task);
  [[nodiscard]] Result<void> start_worker(std::uint32_t worker);
  [[nodiscard]] Result<void> open_stream(std::uint32_t task, int stream, UniqueFd& write_end);
  bool read_news(std::uint32_t worker);
  bool take_news(Worker& worker, std::string_view bytes);
  void on_news(Worker& worker, queue::worker::NewsReader::Piece&& piece);
  void on_worker_end(std::uint32_t worker, const ExitStatus& status);
  void drain(std::uint32_t task);
  void on_end(std::uint32_t task, const ExitStatus& status, const Usage& usage,
              bool with_worker = false);
  void hand_on(std::uint32_t task, int stream, std::string_view bytes);
  void end_line(std::uint32_t task, int stream);
  void close_stream(std::uint32_t task, int stream);
  void signal_all(int signal);

  const WiringPlan& plan_;
  int arena_;
  std::function<bool(std::uint32_t)> is_follower_;
  Listener listener_;
  std::vector<std::string> environment_;  ///< what every task gets
  std::unordered_map<std::uint32_t, UniqueFd> lines_;
  std::vector<Task> tasks_;
  std::vector<Worker> workers_;
  std::unordered_map<pid_t, std::uint32_t> task_of_pid_;
  std::unordered_map<pid_t, std::uint32_t> worker_of_pid_;
  std::unordered_map<int, std::uint32_t> task_of_descriptor_;
  std::unordered_map<int, std::uint32_t> worker_of_descriptor_;
  std::size_t running_ = 0;
  std::optional<SteadyTime> released_at_;
  std::optional<SteadyTime> wall_time_at_;
  std::optional<SteadyTime> kill_at_;
  std::optional<control::StopReason> stopping_;
};

}  // namespace mvm::queue
