// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mvm/base/records.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/outside_frames.hpp>
#include <mvm/queuelayer/port_writer.hpp>

namespace mvm::queue {

/// A port where programs outside enqueue: puts the messages of all sessions into the queues behind
/// it, in turn, one message at a time. One thread; never blocks.
class OutsideInlet {
 public:
  /// `name`: the port's, for messages to people. The references must outlive it. kCodec when a
  /// codec cannot be had.
  [[nodiscard]] static Result<std::unique_ptr<OutsideInlet>> make(const Arena& arena,
                                                                  const PortRecord& port,
                                                                  SenderHeap& heap,
                                                                  std::uint64_t heap_size,
                                                                  std::string name);

  using Replies = std::vector<control::OutsideReply>;
  void open(std::uint32_t session, Replies& replies);
  void data(const control::OutsideData& data);
  void leave(const control::OutsideLeave& leave);

  /// Moves what can be moved now. True when something was: call again.
  [[nodiscard]] bool step(Replies& replies);
  /// Group time at which `step` may find something by itself; or kNever.
  [[nodiscard]] std::int64_t due() const;

  [[nodiscard]] bool has(std::uint32_t session) const;

 private:
  struct Session {
    std::uint32_t number;
    std::deque<std::string> arrived;  ///< not yet cut; at most the window
    std::uint64_t arrived_bytes = 0;
    RecordCutter cutter;
    std::uint64_t messages_done = 0;  ///< not yet told
    std::uint64_t bytes_done = 0;
    std::optional<control::OutsideGoing> leaving;
    std::optional<control::OutsideClosed> verdict;  ///< over: to be told
  };

  OutsideInlet(const Arena& arena, std::uint64_t heap_size, std::string name,
               std::unique_ptr<PortWriter> writer);
  [[nodiscard]] std::optional<std::string_view> next_message(Session& session);
  [[nodiscard]] bool aim_next();
  [[nodiscard]] bool has_room();
  [[nodiscard]] bool deliver();
  void end(Session& session, control::OutsideEnd how, ErrorCode code, std::string message);
  void end_all(control::OutsideEnd how, ErrorCode code, const std::string& message);
  void end_leaving();
  [[nodiscard]] bool report(Replies& replies);

  std::uint64_t heap_size_;
  const GroupClock& clock_;
  std::string name_;
  std::unique_ptr<PortWriter> writer_;
  std::list<Session> sessions_;           ///< in the order of their turns
  std::list<Session>::iterator current_;  ///< whose turn it is, or end()
  bool aimed_ = false;                    ///< at its queues: the current session's next message
  bool expecting_ = false;                ///< receivers ring when they make room
  bool ended_ = false;                    ///< for good
  std::int64_t blocked_since_ = 0;        ///< group time; 0: not
  QueueWriter* awaited_ = nullptr;        ///< the queue that lacks room
};

}  // namespace mvm::queue
