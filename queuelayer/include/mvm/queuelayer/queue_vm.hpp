// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include <mvm/base/result.hpp>
#include <mvm/queuelayer/belongings.hpp>

namespace mvm::queue {

/// The queue VM: obeys one wiring plan that arrives over its control connection. It makes the
/// arena, starts the tasks, links to the other machines, supervises, reports, and leaves nothing.
/// Single threaded but for the link, which has threads of its own.
class QueueVm {
 public:
  /// Reads control frames from `control_in` and writes them to `control_out`; may be the same
  /// descriptor. Neither is closed.
  /// `on_belongings` is told once, before they are made, what is to be removed should this process
  /// be killed.
  QueueVm(int control_in, int control_out,
          std::function<void(const Belongings&)> on_belongings = {});
  ~QueueVm();
  QueueVm(const QueueVm&) = delete;
  QueueVm& operator=(const QueueVm&) = delete;

  /// Runs one group to its end. 0 when the conversation ended as agreed, 1 otherwise. Must be
  /// called by the process's first thread: tasks die with the thread that started them.
  int run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
