// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include <mvm/base/result.hpp>
#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {

/// Watches descriptors for a thread that sleeps on its doorbell, because nobody can wait for
/// both: a thread of its own that, when a descriptor has news, raises a flag and rings. While the
/// other is awake it looks for itself. Each change of a descriptor is told once (edge-triggered),
/// so whoever lowers the flag must then use up all that there is.
class LinkWatcher {
 public:
  /// `bell` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<LinkWatcher>> start(EndpointRecord& bell);
  ~LinkWatcher();
  LinkWatcher(const LinkWatcher&) = delete;
  LinkWatcher& operator=(const LinkWatcher&) = delete;

  enum class For { kReading, kReadingAndWriting };
  /// `flag` must outlive the watcher. A closed descriptor is forgotten by itself. Any thread.
  [[nodiscard]] Result<void> watch(int fd, For what, std::atomic<bool>& flag);

  /// The descriptor goes to somebody else, who may keep it open.
  void forget(int fd);

  /// Raises the flags of descriptors that have news, without waiting for any.
  void look();

  /// While it lives the watcher watches and rings; else it rests.
  class OnDuty {
   public:
    explicit OnDuty(LinkWatcher& watcher) : watcher_(watcher) { watcher_.set_duty(true); }
    ~OnDuty() { watcher_.set_duty(false); }
    OnDuty(const OnDuty&) = delete;
    OnDuty& operator=(const OnDuty&) = delete;

   private:
    LinkWatcher& watcher_;
  };

 private:
  explicit LinkWatcher(EndpointRecord& bell) : bell_(bell) {}
  void run();
  void set_duty(bool on);
  /// True when there were some.
  bool take_events(int timeout_ms);

  EndpointRecord& bell_;
  std::atomic<bool> on_duty_{false};
  std::atomic<bool> ending_{false};
  UniqueFd events_;
  UniqueFd end_;  ///< an eventfd
  std::thread thread_;
};

}  // namespace mvm::queue
