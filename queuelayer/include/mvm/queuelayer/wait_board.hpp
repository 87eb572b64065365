// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <mvm/queuelayer/arena_layout.hpp>
#include <mvm/queuelayer/board_layout.hpp>

/// Where the threads of a task write down what they wait for, so that others can find out why a
/// group does not move: EndpointRecord::wait. A thread writes only when it is about to sleep.
///
/// Whether a written wait could go on is not a matter of wake-ups, which may be under way: it is
/// told by state. The thread notes what it had seen when it looked in vain (`seen`), and who reads
/// the note compares that with what is there now. Where the two are equal, the thread has nothing
/// to go on with, whether or not somebody has just woken it.
namespace mvm::queue {

/// One operation of an exchange with the neighbours that is not finished. The fields mean what they
/// mean in a WaitSubject of this kind.
struct PendingOperation {
  WaitKind kind = WaitKind::kReceive;  ///< or kSend
  std::uint32_t port = 0;              ///< position in the endpoint's `ports`
  std::uint32_t channel = 0;
  std::uint64_t size = 0;
  std::uint64_t seen = 0;
  bool operator==(const PendingOperation&) const = default;
};

/// What a thread of a job waits for.
struct WaitSubject {
  WaitKind kind = WaitKind::kReceive;
  /// Position in the endpoint's `ports` or `teams`; kReceiveAny, kExchange: 0
  std::uint32_t subject = 0;
  /// kSend: the first channel that has no room. kCollective, kMember: the member that it sleeps
  /// for.
  std::uint32_t channel = 0;
  std::uint64_t size = 0;  ///< kSend: payload bytes; kCollective, kMember: operation number
  /// As of the last look, the one that was in vain:
  /// kReceive, kReceiveAny: how far the tapes of all rings among the channels waited for were
  ///     taken, added up; shelves tell by their stamps and add nothing.
  /// kSend: `released` of `channel`, as the writer knew it.
  /// kCollective, kMember: seat_changes of the member that it sleeps for, read before that look.
  std::uint64_t seen = 0;
  bool limited = false;  ///< it ends by itself, because of the clock or something unknown here
  std::vector<PendingOperation> pending;  ///< kExchange: any of these ends the wait
  bool operator==(const WaitSubject&) const = default;
};

/// True for the waits at a board.
[[nodiscard]] constexpr bool is_collective(WaitKind kind) {
  return kind == WaitKind::kCollective || kind == WaitKind::kMember;
}

/// A thread's note of its wait, from the first `set` to the end of its life. When every record of
/// the endpoint is taken, nothing is noted, and the task counts as one that can move.
class WaitNote {
 public:
  /// `ports` of the endpoint are for kExchange only.
  WaitNote(EndpointRecord& endpoint, const GroupClock& clock, std::span<PortRecord> ports = {})
      : endpoint_(endpoint), clock_(clock), ports_(ports) {}
  ~WaitNote() {
    if (record_ != nullptr) give_back();
  }
  WaitNote(const WaitNote&) = delete;
  WaitNote& operator=(const WaitNote&) = delete;

  /// Writes what is waited for; again when the thread looked again in vain and goes on waiting.
  void set(const WaitSubject& subject);

 private:
  void claim();
  void write(const WaitSubject& subject);
  void write(const PendingOperation& operation, std::uint64_t number);
  void give_back();

  EndpointRecord& endpoint_;
  const GroupClock& clock_;
  std::span<PortRecord> ports_;
  WaitRecord* record_ = nullptr;
  WaitSubject written_;
  bool refused_ = false;  ///< there was no free record
};

/// A note as somebody else read it.
struct ReadWait {
  std::uint32_t thread = 0;
  std::uint64_t number = 0;
  std::int64_t since_ns = 0;
  WaitSubject subject;
  bool operator==(const ReadWait&) const = default;
};

/// The waits of an endpoint that stand now, one for each thread. One that is being written is left
/// out: its thread is awake. The values come from shared memory and may be anything; but of
/// `pending` are as many as the record says, each at a port of the endpoint. Without the endpoint's
/// `ports`, exchanges are left out.
[[nodiscard]] std::vector<ReadWait> read_waits(const EndpointRecord& endpoint,
                                               std::span<const PortRecord> ports = {});

/// A number that grows whenever a member's seat at a board changes, so that two equal ones mean
/// that nothing has happened there in between.
[[nodiscard]] std::uint64_t seat_changes(const Seat& seat);

}  // namespace mvm::queue
