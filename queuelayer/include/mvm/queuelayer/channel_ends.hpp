// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// The queue VM's view of who is still at the ends of each channel: it closes channels when tasks
/// end, undoes what a dead receiver held, and counts what became of the messages. It relies on its
/// wiring plan, and on nothing in the arena but counters and stamps, because tasks can overwrite
/// it. `task_ended` and `figures` belong to the supervising thread; `receiver_gone` may be called
/// by the link's thread as well.
class ChannelEnds {
 public:
  /// Both must outlive it.
  ChannelEnds(const WiringPlan& plan, const Arena& arena);

  /// Task number `task` of the plan has ended; `died` unless by itself with exit code 0. Its peers
  /// see the end of the stream.
  void task_ended(std::uint32_t task, bool died);

  /// One of the receiving ends of a channel is gone: a local task, or all receivers of another
  /// machine. After the last one the sender sees its queue closed.
  void receiver_gone(std::uint32_t channel);

  /// What became of all messages, seen from this machine. The unread ones are looked for in the
  /// ring itself, so the sum holds whenever and however a task died. A message that another
  /// machine's receiver released counts as enqueued here and as dequeued there.
  [[nodiscard]] std::vector<control::ChannelCount> figures() const;

 private:
  struct Channel {
    ChannelKind kind;
    std::uint32_t sender;                  ///< endpoint
    std::vector<std::uint32_t> receivers;  ///< endpoints
    std::uint32_t slot_count;              ///< of a shelf
    Offset slots;
    Offset tape;  ///< of a ring
    std::uint64_t tape_size;
    bool sender_died = false;
    std::uint32_t receivers_died = 0;
    std::uint64_t lost = 0;  ///< taken by receivers that died
  };
  [[nodiscard]] ShelfSlot* shelf_slots(const Channel& channel) const;
  void end_line(std::uint32_t number);
  void undo_taken(std::uint32_t number, std::uint32_t endpoint);
  [[nodiscard]] std::uint64_t count_unread(std::uint32_t number) const;
  [[nodiscard]] std::uint64_t count_on_tape(std::uint32_t number) const;
  [[nodiscard]] std::uint64_t count_of_line(std::uint32_t number) const;
  static void correct_by_sender(control::ChannelCount& count, const Channel& channel,
                                const ChannelRecord& record);

  const WiringPlan& plan_;
  const Arena& arena_;
  std::vector<Channel> channels_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> ends_alive_;  ///< receiving ends, by channel
};

}  // namespace mvm::queue
