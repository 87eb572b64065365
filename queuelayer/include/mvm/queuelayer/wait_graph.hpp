// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <mvm/queuelayer/control_protocol.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::queue {

/// Whether a task gets on.
enum class TaskCondition : std::uint8_t {
  kStarting,  ///< has not attached to its group yet
  kRuns,   ///< some thread of it is not waiting in the SDK, or a process that it has started lives
  kWaits,  ///< waits, but some task that can move may end that, or the clock, or it just has ended
  kStuck,  ///< waits, and nobody who could end that can move
  kEnded,
};
[[nodiscard]] std::string_view to_string(TaskCondition condition);  ///< "starting", "runs", …

/// Whom a wait is for, and what has passed between the two.
struct Awaited {
  std::uint32_t task = 0;     ///< id, or kOutside
  std::uint64_t channel = 0;  ///< id; 0 for collective operations
  std::uint64_t sent = 0;     ///< messages, on that channel
  std::uint64_t received = 0;
  std::string port;   ///< of the task that waits; empty for collective operations
  bool room = false;  ///< it is to make room there, not to send
  bool operator==(const Awaited&) const = default;
};

/// One thread's wait, with all the names.
struct DescribedWait {
  control::ThreadWait wait;
  std::string place;             ///< port, or team; "any port"; "ports x+, x-" of an exchange
  std::vector<Awaited> awaited;  ///< at most kMaxAwaited of them; of a collective, those not there
  std::uint32_t awaited_count = 0;
  std::uint64_t passed = 0;  ///< messages ever sent and received at all the channels waited for
};

struct TaskWaits {
  std::uint32_t task = 0;  ///< id
  std::string name;        ///< "cell[3]"
  std::uint32_t machine = 0;
  TaskCondition condition = TaskCondition::kRuns;
  std::uint32_t threads = 0;
  bool has_children = false;
  std::vector<DescribedWait> waits;
};

/// The waits of a group as they were at one time.
struct GroupWaits {
  std::vector<TaskWaits> tasks;  ///< by id
  /// Sets of tasks that wait for each other and for nobody else; ids. Where it can be, each waits
  /// for the next and the last for the first. Other stuck tasks wait for those.
  std::vector<std::vector<std::uint32_t>> knots;

  [[nodiscard]] const TaskWaits& task(std::uint32_t id) const;
};

/// Finds out who can move, from what the queue VMs tell. A pure function of a plan and snapshots.
///
/// A task can move unless every thread of its process sleeps in an unlimited wait of the SDK, what
/// it waits for is not there, and nobody who could bring it can move:
/// - a receive waits for the senders of its channels; a message in a link counts as one who can
///   move, and so does a program outside;
/// - a send waits for the receivers of the channel that has no room, likewise;
/// - an exchange with the neighbours waits for all of those whom its unfinished sends and receives
///   wait for;
/// - a collective operation waits for the members of the team, as long as one is not there; where
/// it
///   needs one member only, for that one, or the task that brings what it contributes from another
///   machine.
/// What is left are the stuck tasks: the largest set in which everybody waits for members only.
///
/// A snapshot is not taken at one instant. Two are, in effect: take the second after the first has
/// arrived from all machines; if `same_standstill` says that the stuck tasks' waits, and the counts
/// of what they wait for, are the same in both, then they did not change in between, and at that
/// time everything held at once. Nothing that is stuck can move ever again by itself.
class WaitGraph {
 public:
  static constexpr std::size_t kMaxAwaited = 64;  ///< told by name, for one wait

  /// The wiring plans of all machines of a group, in order; they must outlive the graph.
  explicit WaitGraph(std::span<const WiringPlan> machines);

  /// `statuses` are the machines' answers to one round of Ask, in order. A machine without tasks
  /// and channels in its answer counts as one whose tasks can move.
  [[nodiscard]] GroupWaits look(std::span<const control::Status> statuses) const;

 private:
  friend class WaitSurvey;
  /// Where a channel's counts are: a position in a machine's plan.
  struct Place {
    std::uint32_t machine;
    std::uint32_t position;
  };
  struct Channel {
    const ChannelSpec* spec;
    Place sender{};
    std::vector<Place> receivers;  ///< one for each machine with receivers
  };
  struct Task {
    const TaskSpec* spec;
    Place place;
  };

  std::span<const WiringPlan> machines_;
  std::vector<Task> tasks_;  ///< by id
  std::unordered_map<std::uint32_t, std::uint32_t> task_of_id_;
  std::vector<Channel> channels_;
  std::vector<std::vector<std::uint32_t>> channel_at_;  ///< by machine and position
};

/// True when the same tasks are stuck in both, at the same waits, with the same counts.
[[nodiscard]] bool same_standstill(const GroupWaits& before, const GroupWaits& after);

}  // namespace mvm::queue
