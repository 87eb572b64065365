// SPDX-License-Identifier: GPL-3.0-or-later
#include "wiring.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "channel_runs.hpp"
#include "queue_rules.hpp"
#include "report.hpp"
#include "task_words.hpp"

namespace mvm::model {

namespace {

constexpr auto kNone = std::numeric_limits<std::uint32_t>::max();

/// All used ports of all tasks: those of vertex v are keys_[first_[v] … first_[v+1]), in the order
/// of Topology::ports.
class PortTable {
 public:
  explicit PortTable(const Topology& topology) : first_(topology.vertices.size() + 1) {
    keys_.reserve(topology.edges.size() * 2);
    for (const auto& edge : topology.edges) {
      keys_.push_back(key(edge.from, edge.from_port));
      keys_.push_back(key(edge.to, edge.to_port));
    }
    std::ranges::sort(keys_);
    keys_.erase(std::ranges::unique(keys_).begin(), keys_.end());
    for (std::uint32_t v = 0; v < first_.size(); ++v) {
      first_[v] =
          static_cast<std::size_t>(std::ranges::lower_bound(keys_, key(v, 0)) - keys_.begin());
    }
  }

  [[nodiscard]] std::size_t count(std::uint32_t vertex) const {
    return first_[vertex + 1] - first_[vertex];
  }
  [[nodiscard]] std::uint32_t port(std::uint32_t vertex, std::size_t position) const {
    return static_cast<std::uint32_t>(keys_[first_[vertex] + position]);
  }
  /// The number of a port among all ports of all tasks.
  [[nodiscard]] std::size_t slot(std::uint32_t vertex, std::uint32_t port) const {
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(first_[vertex]);
    const auto end = keys_.begin() + static_cast<std::ptrdiff_t>(first_[vertex + 1]);
    return static_cast<std::size_t>(std::lower_bound(begin, end, key(vertex, port)) -
                                    keys_.begin());
  }
  [[nodiscard]] std::size_t position(std::uint32_t vertex, std::uint32_t port) const {
    return slot(vertex, port) - first_[vertex];
  }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

 private:
  static std::uint64_t key(std::uint32_t vertex, std::uint32_t port) {
    return std::uint64_t{vertex} << 32 | port;
  }
  std::vector<std::uint64_t> keys_;
  std::vector<std::size_t> first_;
};

class Wiring {
 public:
  Wiring(const Profile& profile, Plan& plan)
      : profile_(profile),
        plan_(plan),
        topology_(plan.topology),
        rules_(profile, topology_),
        ports_(topology_),
        last_statement_(ports_.size(), kNone),
        task_position_(topology_.vertices.size()) {}

  Diagnostics run() {
    begin_machines();
    add_tasks();
    add_channels();
    append(complaints_, rules_.complaints(Gaps()));
    check_limits();
    return std::move(complaints_);
  }

 private:
  void begin_machines();
  void add_tasks();
  void add_channels();
  void add_channel(std::span<const Edge> run, std::uint64_t id);
  void attach_sender(const Edge& edge, std::uint32_t channel);
  void check_limits();

  queue::WiringPlan& machine_at(std::uint32_t vertex) {
    return plan_.wiring[plan_.machine_of[vertex]];
  }
  queue::PortSpec& port_at(std::uint32_t vertex, std::uint32_t port) {
    return machine_at(vertex).tasks[task_position_[vertex]].ports[ports_.position(vertex, port)];
  }

  const Profile& profile_;
  Plan& plan_;
  const Topology& topology_;
  QueueRules rules_;
  PortTable ports_;
  std::vector<std::uint32_t> last_statement_;  // by slot: which statement the last send group is of
  std::vector<std::size_t> task_position_;     // by vertex: index into its machine's tasks
  Diagnostics complaints_;
};

void Wiring::begin_machines() {
  const auto& policy = profile_.policy;
  queue::WiringPlan machine;
  machine.group = plan_.group;
  machine.machines.resize(plan_.machines.size());
  machine.wall_time = policy.wall_time;
  machine.grace = policy.grace;
  machine.end_on_failure = policy.end_on_failure;
  plan_.wiring.assign(plan_.machines.size(), machine);
  for (std::uint32_t m = 0; m < plan_.wiring.size(); ++m) plan_.wiring[m].machine = m;
}

void Wiring::add_tasks() {
  std::vector<TaskWords> words;
  for (const auto& job : profile_.jobs) words.emplace_back(job);
  std::vector<std::uint32_t> tasks_on_core(queue::kMaxCores, 0);  // of all machines of this host
  for (const auto core : plan_.core_of) {
    if (core >= 0) ++tasks_on_core[static_cast<std::size_t>(core)];
  }
  for (std::uint32_t v = 0; v < topology_.vertices.size(); ++v) {
    const auto& vertex = topology_.vertices[v];
    const auto& job = profile_.jobs[vertex.job];
    queue::TaskSpec task;
    task.id = v;
    task.job = job.name;
    task.index = vertex.index;
    task.count = job.count;
    task.coordinates = vertex.coordinates;
    task.program = vertex.job;
    task.memory = profile_.policy.memory;
    if (const auto core = plan_.core_of[v]; core >= 0) {
      task.cores = {static_cast<std::uint32_t>(core)};
      task.shares_core = tasks_on_core[static_cast<std::size_t>(core)] > 1;
    }
    words[vertex.job].fill(task);
    task.ports.resize(ports_.count(v));
    for (std::size_t p = 0; p < task.ports.size(); ++p) {
      task.ports[p].name = topology_.ports[ports_.port(v, p)];
    }
    auto& tasks = machine_at(v).tasks;
    task_position_[v] = tasks.size();
    tasks.push_back(std::move(task));
  }
  for (const auto& job : words) append(complaints_, job.complaints());
}

void Wiring::add_channels() {
  std::uint64_t id = 0;
  for_each_channel(topology_, [&](std::span<const Edge> run) { add_channel(run, id++); });
}

/// Each machine with an end of the channel gets a copy, and every copy lists all receivers.
void Wiring::add_channel(std::span<const Edge> run, std::uint64_t id) {
  const auto& first = run.front();
  queue::ChannelSpec channel;
  channel.id = id;
  channel.queue = rules_.spec_for(run);
  channel.sender = first.from;
  channel.sender_machine = plan_.machine_of[first.from];
  channel.sender_port =
      text(topology_.vertex_name(profile_, first.from), '.', topology_.ports[first.from_port]);
  const bool shared = run.size() > 1;
  channel.receiver_port = text(shared ? profile_.jobs[topology_.vertices[first.to].job].name + "[*]"
                                      : topology_.vertex_name(profile_, first.to),
                               '.', topology_.ports[first.to_port]);
  for (const auto& edge : run) {
    channel.receivers.push_back(edge.to);
    channel.receiver_machines.push_back(plan_.machine_of[edge.to]);
  }
  const auto index_on_machine_of = [&](std::uint32_t vertex) {
    auto& channels = machine_at(vertex).channels;
    if (channels.empty() || channels.back().id != id) channels.push_back(channel);
    return static_cast<std::uint32_t>(channels.size() - 1);
  };
  attach_sender(first, index_on_machine_of(first.from));
  for (const auto& edge : run) {
    port_at(edge.to, edge.to_port).receives.push_back(index_on_machine_of(edge.to));
  }
}

void Wiring::attach_sender(const Edge& edge, std::uint32_t channel) {
  auto& sends = port_at(edge.from, edge.from_port).sends;
  auto& last = last_statement_[ports_.slot(edge.from, edge.from_port)];
  if (std::exchange(last, edge.statement) != edge.statement) sends.push_back({edge.spread, {}});
  sends.back().channels.push_back(channel);
}

/// What the queue VM would refuse, said here where the user's own words are at hand.
void Wiring::check_limits() {
  for (std::size_t m = 0; m < plan_.wiring.size(); ++m) {
    const auto& machine = plan_.wiring[m];
    const auto check = [&](std::string_view what, std::uint64_t number, std::uint64_t limit) {
      if (number <= limit) return;
      complaints_.push_back(
          {profile_.file.string(), 0,
           text("machine ", plan_.machines[m].name, " would have ", number, " ", what, "; at most ",
                limit, " are possible: use more machines or fewer tasks")});
    };
    check("tasks", machine.tasks.size(), queue::kMaxTasksPerMachine);
    check("channels", machine.channels.size(), queue::kMaxChannelsPerMachine);
    std::size_t most_ports = 0;
    for (const auto& task : machine.tasks) most_ports = std::max(most_ports, task.ports.size());
    check("ports at one task", most_ports, queue::kMaxPortsPerTask);
  }
}

}  // namespace

Diagnostics wire(const Profile& profile, Plan& plan) {
  return Wiring(profile, plan).run();
}

}  // namespace mvm::model
