// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <mvm/job.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/decoder.hpp>
#include <mvm/queuelayer/line_handover.hpp>
#include <mvm/queuelayer/port_writer.hpp>
#include <mvm/queuelayer/queue_reader.hpp>
#include <mvm/queuelayer/sender_heap.hpp>
#include <mvm/queuelayer/task_lines.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm {

class Task;
class TeamMember;

/// Reaches what `Job` keeps from jobs.
struct JobAccess {
  static Task& task(const Job& job) { return *static_cast<Task*>(job.state_); }
};

/// One receiving end.
struct Inlet {
  Port* port;
  queue::QueueReader reader;
  std::unique_ptr<queue::Decoder> decoder;  ///< null: messages are received as they travel
};

/// What stands behind a `Port`.
struct PortState {
  Task* task = nullptr;
  std::string name;
  std::uint32_t position = 0;  ///< in the endpoint's ports
  std::unique_ptr<queue::PortWriter> writer;
  std::vector<std::unique_ptr<Inlet>> inlets;
  std::size_t turn = 0;      ///< of the inlets, for fairness
  bool has_urgency = false;  ///< messages of different inlets are compared before the turn counts
  bool closed = false;       ///< by this task

  /// Where messages can go without further thought: the only queue that leaves here, a plain one.
  queue::RingWriter* express_out = nullptr;
  /// The same where the queue has a direct line, which must be told.
  queue::RingWriter* line_ring = nullptr;
  std::vector<queue::DirectLine*> lines_out;  ///< of all queues that leave here
  /// Likewise where they come from.
  Inlet* express_in = nullptr;
  bool has_own_core = false;
  /// How waits for `express_in` look, and what had been taken when the last one began: a sender who
  /// had brought much since is left alone a little longer.
  queue::Pace pace;
  std::uint64_t records_before = 0;
  std::uint64_t sends_before = 0;
  bool came_at_once = false;  ///< what the last wait was for
};

/// Reaches what `Port` keeps from jobs.
struct PortAccess {
  static PortState& state(const Port& port) { return *static_cast<PortState*>(port.state_); }
  static Port* make(PortState* state);
  static void destroy(Port* port);
};

/// What stands behind a `Job`: the attached arena and this task's ends in it.
class Task {
 public:
  /// Attaches by what the queue VM left in the environment, and waits for the gate. Throws
  /// mvm::error.
  Task(int argc, char** argv);
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] queue::EndpointRecord& endpoint() { return *endpoint_; }
  [[nodiscard]] queue::Waiter waiter() {
    return queue::Waiter(*endpoint_, arena_->header().clock).attended_by(lines_.get());
  }
  /// For waits at several ports in both directions.
  [[nodiscard]] queue::Waiter waiter_at_ports() {
    return queue::Waiter(*endpoint_, arena_->header().clock,
                         arena_->list<queue::PortRecord>(endpoint_->ports))
        .attended_by(lines_.get());
  }
  /// Null: the task has no direct lines.
  [[nodiscard]] queue::TaskLines* lines() { return lines_.get(); }
  /// A deadline on the group's clock for a timeout of the SDK.
  [[nodiscard]] std::int64_t deadline(std::int64_t timeout_ns) const;
  [[nodiscard]] const queue::GroupClock& clock() const { return arena_->header().clock; }
  [[nodiscard]] queue::SenderHeap& heap() { return *heap_; }
  [[nodiscard]] const queue::Arena& arena() const { return *arena_; }
  [[nodiscard]] std::string words_of(queue::TextRef text) const {
    return std::string(arena_->words(text));
  }

  /// For who looked in vain and will not wait: as a fiber, it lets others run.
  static void give_way() {
    if (auto* host = queue::FiberHost::of_this_thread()) host->yield();
  }
  /// To be called for each message that was sent or received.
  static void count_message() {
    if (auto* host = queue::FiberHost::of_this_thread()) host->count_message();
  }
  /// To be called by a thread before it does anything to a sending port.
  void note_sender() {
    const auto* sender = sender_.load(std::memory_order_relaxed);
    if (sender != &this_thread && sender != &several_threads) [[unlikely]]
      admit_sender();
    sends_.store(sends() + 1, std::memory_order_relaxed);
  }
  /// About how many there were; exact where one thread sends.
  [[nodiscard]] std::uint64_t sends() const { return sends_.load(std::memory_order_relaxed); }
  /// How often a sender looks whether its memory came back, when that is short.
  static constexpr std::int64_t kMemoryPollNs = 1'000'000;
  /// Takes the memory back that receivers have given back at all ports. Does nothing where several
  /// threads send, because each may be using its ports: those take theirs back when they send.
  void take_memory_back();

  /// The team at this position of the task's memberships. Throws mvm::error when there is none.
  [[nodiscard]] Team& team(std::size_t membership);
  /// A port that jobs do not see, by its name; throws mvm::error when there is none.
  [[nodiscard]] Port* hidden_port(std::string_view port_name) const;

  std::vector<Port*> ports;
  std::vector<Inlet*> inlets;  ///< of all ports
  std::size_t inlet_turn = 0;
  std::vector<std::string> arguments;
  std::vector<std::size_t> coordinates;
  std::string directory;
  std::size_t index = 0;
  std::size_t count = 0;

 private:
  void map_arena();
  void attach();
  void open_port(const queue::PortRecord& record, std::uint32_t position);
  void admit_sender();
  void take_lines();
  void attach_line(queue::HandedLine handed);
  void attach_line(queue::DirectLine& line, const queue::LineChannels& channels, PortState& state);

  std::unique_ptr<queue::Arena> own_arena_;  ///< null where a worker has it for all its fibers
  const queue::Arena* arena_ = nullptr;
  queue::EndpointRecord* endpoint_ = nullptr;
  std::uint32_t number_ = 0;
  std::unique_ptr<queue::SenderHeap> heap_;
  std::unique_ptr<queue::TaskLines> lines_;
  std::vector<Port*> hidden_ports_;  ///< between the leaders of teams: names begin with '@'
  std::vector<std::unique_ptr<TeamMember>> teams_;  ///< made when they are first asked for
  std::string name_ = "this task";

  std::atomic<std::uint64_t> sends_ = 0;
  std::mutex senders_;
  /// Who ever sent: nobody, one thread, or several. A thread is known by where its `this_thread`
  /// lies. Every send looks at it, so it is looked up once, when the program is loaded.
  std::atomic<const char*> sender_{nullptr};
  [[gnu::tls_model("initial-exec")]] static constinit thread_local char this_thread;
  static constinit char several_threads;
};

/// Makes an uncaught `mvm::closed` or `mvm::error` end the task with a message instead of a core.
void install_terminate_handler();
/// Told to the terminate handler, so that the queue VM learns why the task fell.
void set_terminating_endpoint(queue::EndpointRecord* endpoint);

}  // namespace mvm
