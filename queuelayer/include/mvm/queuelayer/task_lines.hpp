// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/direct_line.hpp>
#include <mvm/queuelayer/line_alarm.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {

/// The direct lines of a task. Its threads look after them while they wait. Another thread sleeps
/// until something is to be done that no thread of the job does: what gathered must leave, a socket
/// has room again, a line ended, or there is news while the threads of the job sleep.
class TaskLines final : public Attendant {
 public:
  /// Both must outlive it.
  TaskLines(const Arena& arena, EndpointRecord& endpoint);
  ~TaskLines() override;
  TaskLines(const TaskLines&) = delete;
  TaskLines& operator=(const TaskLines&) = delete;

  /// Before `start`.
  DirectLine& add(UniqueFd socket);
  void start();

  void look() override;
  void before_sleep() override;
  void after_sleeps() override;

 private:
  void attend();
  void serve();
  void on_event(DirectLine& line, std::uint32_t events);
  void watch(DirectLine& line, std::uint32_t events);
  [[nodiscard]] bool read_lines();
  void watch_arrivals();

  const Arena& arena_;
  EndpointRecord& endpoint_;
  LineAlarm alarm_;
  std::vector<std::unique_ptr<DirectLine>> lines_;
  UniqueFd events_;    ///< what the attendant waits for
  UniqueFd arrivals_;  ///< one of them, while a thread sleeps: lines with something to read
  std::mutex watching_;
  bool watches_ = false;  ///< `arrivals_` has all lines that are not over
  UniqueFd end_;          ///< an eventfd
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace mvm::queue
