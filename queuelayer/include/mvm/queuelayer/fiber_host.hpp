// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

#include <mvm/queuelayer/arena_layout.hpp>

namespace mvm::queue {

class Arena;

/// What a parked fiber waits for, as its worker needs it. Lies on the fiber's stack.
struct ParkedWait {
  const GroupClock& clock;
  std::int64_t deadline_ns;  ///< on the group's clock; or kNoDeadline
  /// Notes the wait on the endpoint's wait board. The worker calls it, on any stack of its own,
  /// when the wait has become a long one or it is about to sleep itself.
  void (*note)(void* about);
  void* about;
  /// What the wait is for, as far as messages go.
  enum class For : std::uint8_t {
    kAnyMessage,   ///< among others, maybe
    kNextMessage,  ///< of one plain queue, and for nothing else that comes unannounced
    kNoMessage
  };
  For what = For::kAnyMessage;
  /// Where that next message will be announced: zero until then. Else null.
  const std::atomic<std::uint64_t>* announcement = nullptr;
  bool from_elsewhere = false;  ///< its sender does not run in this worker
};

/// What a task that is a process keeps in variables of the process. All null at first.
struct FiberEnding {
  EndpointRecord* endpoint = nullptr;
  std::terminate_handler previous_handler = nullptr;
};

/// A process that runs several tasks of a group in one thread, and switches between them wherever
/// one of them waits. Tasks meet it only through this; a task that is a process has none.
class FiberHost {
 public:
  /// The host whose fiber this thread runs now; null in every other thread.
  [[nodiscard]] static FiberHost* of_this_thread() { return of_this_thread_; }
  /// The host of this process, for its threads that run no fibers.
  [[nodiscard]] static FiberHost* of_this_process() { return of_this_process_; }
  /// To be called once, by the thread that runs the fibers.
  static void install(FiberHost& host) { of_this_thread_ = of_this_process_ = &host; }
  /// Whether an endpoint is one of the fibers that this thread runs.
  [[nodiscard]] static bool runs_here(const EndpointRecord& endpoint) {
    return of_this_thread_ != nullptr && of_this_thread_->worker_ == endpoint.worker;
  }

  // Of the fiber that runs now.

  [[nodiscard]] virtual const Arena& arena() const = 0;
  /// Its endpoint.
  [[nodiscard]] virtual std::uint32_t number() const = 0;
  /// What its terminate handler is to know.
  [[nodiscard]] virtual FiberEnding& ending() = 0;
  /// Its working directory must be there from now on.
  virtual void need_directory() = 0;
  /// Runs others until somebody wakes it. False when its deadline has passed. May return for no
  /// reason.
  [[nodiscard]] virtual bool park(const ParkedWait& wait) = 0;
  /// Lets others go first.
  virtual void yield() = 0;
  /// To be called for messages now and then, for each queue once in its length at least: who never
  /// waits lets others go first.
  void count_message() {
    if (--messages_left_ == 0) {
      messages_left_ = kMessagesInTurn;
      yield();
    }
  }
  /// Waits until the gate of the arena opens. False when it never will.
  [[nodiscard]] virtual bool wait_for_gate() = 0;

  /// Wakes the fiber behind an endpoint that `runs_here`.
  virtual void wake_here(const EndpointRecord& endpoint) = 0;
  /// Wakes the fiber behind an endpoint of this arena, which may be a fiber of another worker. From
  /// any thread.
  virtual void wake(EndpointRecord& endpoint) = 0;

 protected:
  /// `worker`: as EndpointRecord::worker has it.
  explicit FiberHost(std::uint32_t worker) : worker_(worker) {}
  ~FiberHost() = default;

 private:
  [[gnu::tls_model("initial-exec")]] static constinit thread_local FiberHost* of_this_thread_;
  static constinit FiberHost* of_this_process_;

  const std::uint32_t worker_;
  /// Of those that took the long way: some ten microseconds of a stream, in which a few of all do.
  static constexpr std::uint32_t kMessagesInTurn = 16;
  std::uint32_t messages_left_ = kMessagesInTurn;
};

/// Tells the worker of a fiber that it has something to go on with. Never blocks for long. Nothing
/// happens when the tables that lead there do not hold together, or the arena is not mapped by an
/// `Arena` of this program.
void wake_fiber_elsewhere(EndpointRecord& endpoint);
/// The same for an endpoint of this arena.
void wake_fiber_elsewhere(const Arena& arena, const EndpointRecord& endpoint);

}  // namespace mvm::queue
