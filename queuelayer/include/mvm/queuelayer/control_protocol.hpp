// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <mvm/base/error.hpp>
#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>
#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/outside_frames.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

/// The control protocol between a queue VM and whoever started it ("the starter"), over any byte
/// stream: pipe, unix socket, virtio-serial, an rsh agent's standard streams.
///
/// A frame is: magic 'M' 'V', u8 version, u8 kind, u32 payload length (little endian), payload.
/// Conversation:
///     queue VM  Hello                        at once
///     starter   Start(plan)
///     queue VM  Ready                        arena made, tasks started, links bound
///     starter   Release                      once every machine is ready: all gates open together
///     queue VM  Output*, TaskStarted*, TaskEnded*
///     queue VM  Stalled*                     some task has slept for a while; worth a look
///     starter   Ask?                         at any time after Ready
///     queue VM  Status                       for each Ask
///     both      Outside…                     at any time after Ready; see outside_frames.hpp
///     starter   Stop?                        at any time: end all tasks, TERM, grace, KILL
///     queue VM  AllEnded                     the last local task has ended; links still relay
///     starter   Finish                       every machine's tasks have ended
///     queue VM  Figures, then it closes and exits
/// At any time instead: queue VM Failed(error), then it cleans up and exits.
namespace mvm::queue::control {

inline constexpr std::uint8_t kVersion = 3;
/// Bytes of payload, of Start, Figures and Status: the figures of kMaxChannelsPerMachine channels
/// and the waits of kMaxTasksPerMachine tasks fit.
inline constexpr std::uint32_t kMaxFrame = 384u << 20;
inline constexpr std::uint32_t kMaxText = 64u << 10;  ///< bytes of Output and of Failed's message

struct Hello {
  std::int64_t pid = 0;
  bool operator==(const Hello&) const = default;
};
struct Start {
  WiringPlan plan;
  bool operator==(const Start&) const = default;
};
struct Ready {
  Bytes arena;  ///< reserved shared memory; touched memory is less
  bool operator==(const Ready&) const = default;
};
struct Release {
  bool operator==(const Release&) const = default;
};
enum class OutputStream : std::uint8_t { kOutput = 0, kErrors = 1 };
struct Output {
  std::uint32_t task = 0;
  OutputStream stream = OutputStream::kOutput;
  std::string bytes;  ///< at most kMaxText, whole lines where possible
  bool operator==(const Output&) const = default;
};
struct TaskStarted {
  std::uint32_t task = 0;
  std::int64_t pid = 0;
  bool operator==(const TaskStarted&) const = default;
};
enum class EndKind : std::uint8_t {
  kExited = 0,     ///< by itself; `status` is its exit code
  kSignalled = 1,  ///< by a signal that the queue VM did not send; `status` is the signal
  kFollower = 2,   ///< an uncaught mvm::closed
  kStopped = 3,    ///< the queue VM ended it
  kTimeLimit = 4,  ///< the queue VM ended it because the wall-time passed
  kLostWorker =
      5,  ///< a fiber: `status` is the signal by which a neighbour's fault ended its worker
};
struct TaskEnded {
  std::uint32_t task = 0;
  EndKind kind = EndKind::kExited;
  std::int32_t status = 0;
  Duration ran{0};  ///< from the release
  Duration cpu{0};
  Bytes peak_memory;
  bool operator==(const TaskEnded&) const = default;
};
enum class StopReason : std::uint8_t { kFailure = 0, kCancelled = 1, kTimeLimit = 2, kKill = 3 };
struct Stop {
  StopReason reason = StopReason::kCancelled;  ///< kKill: skip the grace
  bool operator==(const Stop&) const = default;
};
struct AllEnded {
  bool operator==(const AllEnded&) const = default;
};
struct Finish {
  bool operator==(const Finish&) const = default;
};
/// What one channel did, as this machine saw it. Of a channel between machines, the sender's
/// machine knows what was enqueued, and each receiver's machine what was dequeued there.
struct ChannelCount {
  std::uint64_t channel = 0;
  std::uint64_t enqueued = 0;
  std::uint64_t dequeued = 0;
  std::array<std::uint64_t, kDropCauses> drops{};  ///< by DropCause
  std::uint64_t left = 0;  ///< not given back by a receiver: unread, held, or on their way
  std::uint64_t lost_with_task = 0;
  std::uint64_t late = 0;  ///< of `dequeued`: taken after their deadline
  Bytes bytes;
  std::uint64_t high_water = 0;  ///< messages, at the sender's machine
  Duration sender_blocked{0};    ///< waited for room; in waits that are over
  Duration receiver_blocked{0};  ///< waited for messages, likewise
  bool sender_closed = false;    ///< nothing more will come
  bool receiver_closed = false;  ///< nobody takes anything more
  [[nodiscard]] std::uint64_t dropped() const;
  bool operator==(const ChannelCount&) const = default;
};
struct Figures {
  std::vector<ChannelCount> channels;
  bool operator==(const Figures&) const = default;
};
/// One operation of an exchange with the neighbours that is not finished.
struct PendingWait {
  WaitKind kind = WaitKind::kReceive;  ///< or kSend
  std::uint32_t port = 0;              ///< position in TaskSpec::ports
  std::uint32_t channel = 0;           ///< kSend: as in ThreadWait
  std::uint64_t size = 0;              ///< kSend: payload bytes
  bool operator==(const PendingWait&) const = default;
};
/// One thread of a task that waits inside the SDK.
struct ThreadWait {
  WaitKind kind = WaitKind::kReceive;
  std::uint32_t subject = 0;  ///< position in TaskSpec::ports or ::teams
  /// kSend: the one without room, a position in WiringPlan::channels. kCollective, kMember: the
  /// member that it sleeps for.
  std::uint32_t channel = 0;
  std::uint64_t size = 0;    ///< kSend: payload bytes; kCollective, kMember: operation number
  std::uint64_t seen = 0;    ///< as of its last look; see WaitSubject
  std::uint64_t number = 0;  ///< of this task's waits
  Duration lasted{0};
  bool limited = false;    ///< it ends by itself some time
  bool can_go_on = false;  ///< what it waits for is there, or something has changed since it looked
  std::vector<PendingWait> pending;  ///< kExchange: any of these ends the wait
  bool operator==(const ThreadWait&) const = default;
};
enum class TaskState : std::uint8_t { kStarting = 0, kAttached = 1, kEnded = 2 };
struct TaskStatus {
  std::uint32_t task = 0;  ///< id
  TaskState state = TaskState::kStarting;
  std::int64_t pid = 0;
  std::uint32_t threads = 0;  ///< of its process
  bool has_children = false;  ///< processes that it started live
  std::vector<ThreadWait> waits;
  bool operator==(const TaskStatus&) const = default;
};
/// Some task has waited without any change for a while: see WaitWatch.
struct Stalled {
  bool operator==(const Stalled&) const = default;
};
/// Asks for a Status that begins to be taken after this was read.
struct Ask {
  std::uint64_t token = 0;  ///< comes back in the answer
  bool operator==(const Ask&) const = default;
};
/// One connection to one other machine.
struct LinkCount {
  std::uint32_t machine = 0;  ///< the other one
  Transport transport = Transport::kZmq;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t parcels_sent = 0;
  std::uint64_t parcels_received = 0;
  std::uint64_t parcels_resent = 0;
  std::uint64_t parcels_refused = 0;  ///< damaged, or out of place
  std::uint64_t reconnects = 0;
  bool operator==(const LinkCount&) const = default;
};
/// What this machine does now. The tasks were looked at before the channels.
struct Status {
  std::uint64_t token = 0;
  std::int64_t group_time_ns = 0;
  std::vector<TaskStatus> tasks;       ///< in the plan's order
  std::vector<ChannelCount> channels;  ///< in the plan's order
  std::vector<LinkCount> links;
  std::uint64_t strangers_refused = 0;  ///< connections of others than the group's machines
  bool operator==(const Status&) const = default;
};
struct Failed {
  ErrorCode code = ErrorCode::kSystem;
  std::string message;  ///< cut at kMaxText
  bool operator==(const Failed&) const = default;
};

using Message = std::variant<Hello, Start, Ready, Release, Output, TaskStarted, TaskEnded, Stop,
                             AllEnded, Finish, Figures, Failed, Stalled, Ask, Status, OutsideOpen,
                             OutsideData, OutsideDone, OutsideLeave, OutsideClosed>;

/// One whole frame.
[[nodiscard]] std::string encode(const Message& message);

/// Cuts a stream of bytes into messages. After an error the stream is beyond repair.
class FrameReader {
 public:
  /// Adds bytes that arrived.
  void feed(std::string_view bytes);

  /// The next whole message; empty when more bytes are needed. kProtocol for a wrong magic,
  /// version, kind or payload, kLimit for a length that no such frame has, kInvalidPlan for a plan
  /// that does not hold together. An error is given again by every later call.
  [[nodiscard]] Result<std::optional<Message>> next();

 private:
  std::string buffer_;
  std::size_t taken_ = 0;  ///< bytes of buffer_ already cut off
  std::optional<Error> broken_;
};

}  // namespace mvm::queue::control
