// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <mvm/base/error.hpp>
#include <mvm/base/result.hpp>
#include <mvm/base/units.hpp>
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
///     starter   Stop?                        at any time: end all tasks, TERM, grace, KILL
///     queue VM  AllEnded                     the last local task has ended; links still relay
///     starter   Finish                       every machine's tasks have ended
///     queue VM  Figures, then it closes and exits
/// At any time instead: queue VM Failed(error), then it cleans up and exits.
namespace mvm::queue::control {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::uint32_t kMaxFrame = 256u << 20;  ///< bytes of payload, of Start and Figures
inline constexpr std::uint32_t kMaxText = 64u << 10;    ///< bytes of Output and of Failed's message

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
  std::uint64_t dropped = 0;
  std::uint64_t left = 0;
  std::uint64_t lost_with_task = 0;
  Bytes bytes;
  bool operator==(const ChannelCount&) const = default;
};
struct Figures {
  std::vector<ChannelCount> channels;
  bool operator==(const Figures&) const = default;
};
struct Failed {
  ErrorCode code = ErrorCode::kSystem;
  std::string message;  ///< cut at kMaxText
  bool operator==(const Failed&) const = default;
};

using Message = std::variant<Hello, Start, Ready, Release, Output, TaskStarted, TaskEnded, Stop,
                             AllEnded, Finish, Figures, Failed>;

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
