// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include <mvm/base/unique_fd.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/line_alarm.hpp>
#include <mvm/queuelayer/line_intake.hpp>
#include <mvm/queuelayer/line_outgoing.hpp>
#include <mvm/queuelayer/ring_writer.hpp>

namespace mvm::queue {

/// A task's end of a direct line: a connection to a task on another machine, over which both move
/// the messages of a channel that leads there, of one that leads back, or of both. Nothing blocks.
///
/// **Sending.** Messages are taken from the channel's own ring, where each stays until its receiver
/// has given it back. So when the line is over, the link of the queue VM finds there what it has
/// to send again. A message that is sent when nothing was for a while leaves at once. What follows
/// it closely gathers, and leaves together: with a later send, a wait of the task, or by the
/// task's attendant, whom the alarm wakes. So it arrives without a further act of the job.
///
/// **Receiving.** When the line is over, what came over it is still to be taken; what follows comes
/// through the channel's ring. How many whole messages came is in `line_received` when `line` of
/// the channel says that it is over (release), so the queue VM, which reads that (acquire), tells
/// the sender's machine where to go on.
///
/// **Letting go.** Whoever finds a leaving channel over raises `out_over_`, fences, and says so in
/// the channel's record (release). The link reads that (acquire), and looks at the ring. The job's
/// thread publishes a message, fences, and looks at `out_over_`: if it is not up, the message is on
/// the ring when the link looks there; else the job's thread rings the link.
///
/// Any thread, but messages are sent by one at a time, and taken and given back by one at a time.
class DirectLine {
 public:
  /// All must outlive it.
  DirectLine(const Arena& arena, UniqueFd socket, LineAlarm& alarm);
  ~DirectLine();

  /// Before anything else, one or both: the task's end of the channel that leads away, and the one
  /// that leads here.
  void carry_away(std::uint32_t channel, RingWriter& ring);
  void bring(std::uint32_t channel);

  // For the attendant, and for threads that wait.

  /// Takes in what has come. True when there was something, or the line ended.
  bool look();
  /// Writes what there is, as far as the socket takes it.
  void pump();
  /// Something may have to be written, and nothing but `pump` will.
  [[nodiscard]] bool has_unsent() const { return unsent_.load(std::memory_order_seq_cst); }
  /// The socket has no room: `pump` is to be called when it has.
  [[nodiscard]] bool is_stuck() const { return stuck_.load(std::memory_order_relaxed); }
  /// Tells what was given back, if that has waited for long enough; or at once, before a sleep.
  void tell(bool at_once);
  /// The same, and sets the alarm for what has not waited for long.
  void tell_in_time();
  /// The other end has hung up: nobody takes anything more. What came is still to be read.
  void on_hang_up();
  /// Nothing more passes over it. Idempotent.
  void break_off();
  [[nodiscard]] bool is_over() const { return over_.load(std::memory_order_acquire); }
  [[nodiscard]] int descriptor() const { return socket_.get(); }

  // For the sending thread.

  /// After each message that it has published.
  void on_sent();
  /// After the end of its stream.
  void end_sending();

  // For the receiving thread.

  [[nodiscard]] bool available();
  /// Nothing more will come, and everything was taken.
  [[nodiscard]] bool ended();
  [[nodiscard]] Taken take(Piece& piece);
  void give_back(std::uint64_t cookie, bool more);
  /// Whole messages.
  [[nodiscard]] std::uint64_t taken();
  /// A piece of a message was taken and given back, and the next one has not come.
  [[nodiscard]] bool is_between_pieces();
  /// Then: what is left of that message goes to `to`, which must hold it. False: it does not come.
  [[nodiscard]] bool go_straight(std::byte* to);
  enum class Straight { kComing, kWhole, kCut };
  [[nodiscard]] Straight straight();

 private:
  [[nodiscard]] bool read_some(bool& moved);
  void end_bringing();
  void write_all();
  [[nodiscard]] std::optional<std::uint64_t> untold();
  void end_carrying();
  void take_news(std::uint64_t news);
  void end_line();

  const Arena& arena_;
  EndpointRecord* link_;
  UniqueFd socket_;
  LineAlarm& alarm_;
  ChannelRecord* out_ = nullptr;  ///< the channel that leads away
  ChannelRecord* in_ = nullptr;   ///< the one that leads here
  RingWriter* ring_ = nullptr;    ///< of the former
  bool tells_link_ = false;       ///< of the sending thread: the ring's end does as elsewhere
  std::atomic<bool> over_{false};
  std::atomic<bool> out_over_{false};
  std::atomic<bool> in_over_{false};
  std::atomic<bool> unsent_{false};
  std::atomic<bool> stuck_{false};
  std::atomic<bool> ending_{false};
  std::atomic<std::int64_t> pumped_ns_{0};
  std::atomic<std::uint64_t> released_{0};  ///< messages that came, were given back, all before too
  std::atomic<std::int64_t> untold_since_ns_{0};  ///< 0: all was told

  std::mutex in_mutex_;  ///< of the intake. Before the other one
  std::optional<LineIntake> intake_;
  bool was_settled_ = false;      ///< a look has seen that the line is over
  std::uint64_t told_bytes_ = 0;  ///< about

  std::mutex out_mutex_;
  LineOutgoing outgoing_;
  std::atomic<std::uint64_t> news_seen_{0};
  std::atomic<std::uint64_t> told_{0};  ///< of `released_`, those that have been told
};

}  // namespace mvm::queue
