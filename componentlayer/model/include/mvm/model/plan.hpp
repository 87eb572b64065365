// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/cores.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/model/topology.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::model {

/// A machine that tasks can be mapped to, as the planner sees it.
struct PlannedMachine {
  std::string kind = "process";
  std::string name;                  ///< "m0", "m1", …
  std::vector<std::uint32_t> cores;  ///< the host's core numbers it may use, neighbours adjacent
  std::optional<Bytes> memory;
  std::uint32_t share = 1;  ///< of the tasks, beside the others: its cpus=, else 1
};

/// What placement costs, beside the simplest alternative.
struct PlanFigures {
  std::uint64_t tasks = 0;
  std::uint64_t edges = 0;
  std::uint64_t edges_cut = 0;  ///< edges between machines
  std::uint64_t weight_cut = 0;
  std::uint64_t round_robin_edges_cut = 0;  ///< what dealing tasks out in turn would cut
  std::uint64_t core_edges_cut = 0;         ///< edges between different cores of one machine
};

/// A port where programs outside dequeue.
struct OutputPort {
  std::string name;
  Duration linger{0};  ///< how long its messages wait for a program when all tasks have ended
};

/// The platform specific model of a profile: every task on a machine and a core, every edge a
/// channel, and per machine the wiring plan that its queue VM will obey. A value.
struct Plan {
  std::string profile;  ///< name
  std::string group;    ///< group id
  Topology topology;
  std::vector<PlannedMachine> machines;
  std::vector<std::uint32_t> machine_of;  ///< by vertex
  std::vector<std::int32_t> core_of;      ///< by vertex; -1: not pinned
  std::vector<std::uint32_t> share_of;  ///< by vertex: which of its machine's cores it would have,
                                        ///< also when it is not pinned
  PlanFigures figures;
  std::vector<OutputPort> outputs;
  std::vector<queue::WiringPlan> wiring;  ///< by machine; programs and folders still empty
};

/// A limit of one group: each machine of kind process is a process with an arena of its own.
inline constexpr std::uint32_t kMaxMachines = 1024;

/// Maps tasks to machines and cores and makes the wiring plans, whose paths of programs and plugins
/// stay empty. Checks what only the whole graph
/// shows: a queue rule that matches nothing, rules that contradict each other, a task's words whose
/// expression fails, missing inputs, limits. All errors in one go, by file and line.
///
/// The topology is that of the whole profile. `cores` are the host's, as `usable_cores` orders
/// them; empty: nothing is pinned. `group` is the id to use. Task ids are vertex numbers, programs
/// are numbered as Profile::jobs, and channel ids are unique in the group. Queue rules merge as
/// src/queue_rules.hpp says.
[[nodiscard]] std::expected<Plan, Diagnostics> make_plan(const Profile& profile, Topology topology,
                                                         const std::vector<std::uint32_t>& cores,
                                                         std::string group);

/// The plan for programs:
/// {"profile":…,"group":…,"figures":{…},"machines":[…],"tasks":[…],"edges":[…],"channels":[…],
/// "outside":[…],"roots":{…}}.
[[nodiscard]] std::string plan_json(const Profile& profile, const Plan& plan);

/// The plan for people: a line per machine with its cores and tasks, then what placement costs.
[[nodiscard]] std::string plan_table(const Profile& profile, const Plan& plan);

/// Queues that are alike: what they are, and which ends they lie at.
struct QueueSummary {
  std::string on;            ///< the receiving ends as a selector: "cell[*].x-"
  std::uint64_t queues = 0;  ///< how many
  std::string settings;      ///< "priority(8) drop-oldest, capacity 16"
};

/// All queues of the plan, a line for those that are alike, in the order of jobs and ports.
[[nodiscard]] std::vector<QueueSummary> plan_queues(const Profile& profile, const Plan& plan);

/// The queues of the plan by their channels' ids.
[[nodiscard]] std::vector<const queue::QueueSpec*> queues_by_id(const Plan& plan);

/// Topology and placement as a DOT graph: one cluster per machine, a colour per job, a node
/// for each port that is open to programs outside; at the edges port names, and what is special
/// about their queues, while there are few enough to read.
[[nodiscard]] std::string plan_dot(const Profile& profile, const Plan& plan);

}  // namespace mvm::model
