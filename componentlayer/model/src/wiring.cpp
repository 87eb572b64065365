// SPDX-License-Identifier: GPL-3.0-or-later
#include "wiring.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "channel_runs.hpp"
#include "plan_check.hpp"
#include "queue_rules.hpp"
#include "report.hpp"
#include "task_words.hpp"
#include "team_wiring.hpp"

namespace mvm::model {

namespace {

constexpr auto kNone = std::numeric_limits<std::uint32_t>::max();

/// Numbers of statements: graphs and links from 0, open ports from here.
constexpr std::uint32_t kFirstOpening = 1u << 31;

/// All used ports of all tasks: those of vertex v are keys_[first_[v] … first_[v+1]), in the order
/// of Topology::ports.
class PortTable {
 public:
  explicit PortTable(const Topology& topology) : first_(topology.vertices.size() + 1) {
    keys_.reserve(topology.edges.size() * 2 + topology.open_edges.size());
    for (const auto& edge : topology.edges) {
      keys_.push_back(key(edge.from, edge.from_port));
      keys_.push_back(key(edge.to, edge.to_port));
    }
    for (const auto& edge : topology.open_edges) keys_.push_back(key(edge.task, edge.task_port));
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
    append(complaints_, check_commands(profile_, topology_, Gaps()));
    wire_teams(profile_, next_id_, plan_);
    check_limits();
    return std::move(complaints_);
  }

 private:
  void begin_machines();
  [[nodiscard]] std::vector<std::uint32_t> count_processes() const;
  std::uint32_t worker_for(std::uint32_t vertex);
  void add_tasks();
  void add_channels();
  void add_channel(std::span<const Edge> run);
  void add_channel(std::span<const OpenEdge> run);
  void add_receiver(queue::ChannelSpec& channel, std::uint32_t vertex);
  std::uint32_t index_on(std::uint32_t machine, const queue::ChannelSpec& channel);
  void attach_receivers(const queue::ChannelSpec& channel, std::uint32_t port);
  void attach_sender(std::uint32_t vertex, std::uint32_t port, std::uint32_t statement,
                     queue::Spread spread, const queue::ChannelSpec& channel);
  queue::PortSpec& outside_port(std::uint32_t port);
  [[nodiscard]] std::string task_port_words(std::uint32_t vertex, std::uint32_t port) const;
  [[nodiscard]] std::string receiver_words(std::uint32_t vertex, std::uint32_t port,
                                           std::size_t receivers) const;
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
  std::uint32_t last_opening_ = kNone;         // the same for the port outside that is being wired
  std::uint64_t next_id_ = 0;                  // of channels
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> workers_;  // by machine, share
  std::vector<std::size_t> task_position_;  // by vertex: index into its machine's tasks
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
  machine.reconnect = policy.reconnect;
  machine.trusted_network = policy.trusted_network;
  for (const auto& plugin : profile_.plugins) machine.plugins.push_back({plugin.name, {}});
  plan_.wiring.assign(plan_.machines.size(), machine);
  for (std::uint32_t m = 0; m < plan_.wiring.size(); ++m) plan_.wiring[m].machine = m;
}

/// Processes pinned to each core, of all machines of this host: tasks, and workers of fibers.
std::vector<std::uint32_t> Wiring::count_processes() const {
  std::vector<std::uint32_t> processes(queue::kMaxCores, 0);
  std::set<std::pair<std::uint32_t, std::int32_t>> workers;
  for (std::uint32_t v = 0; v < topology_.vertices.size(); ++v) {
    const auto core = plan_.core_of[v];
    if (core < 0) continue;
    const bool shares = profile_.jobs[topology_.vertices[v].job].execution == Execution::kFiber &&
                        !workers.emplace(plan_.machine_of[v], core).second;
    if (!shares) ++processes[static_cast<std::size_t>(core)];
  }
  return processes;
}

/// One worker for the fibers that a core of a machine has.
std::uint32_t Wiring::worker_for(std::uint32_t vertex) {
  auto& machine = machine_at(vertex);
  const auto [known, is_new] =
      workers_.try_emplace({machine.machine, plan_.share_of[vertex]}, machine.workers);
  if (is_new) ++machine.workers;
  return known->second;
}

void Wiring::add_tasks() {
  std::vector<TaskWords> words;
  for (const auto& job : profile_.jobs) words.emplace_back(job);
  const auto processes_on_core = count_processes();
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
      task.shares_core = processes_on_core[static_cast<std::size_t>(core)] > 1;
    }
    if (job.execution == Execution::kFiber) {
      task.worker = worker_for(v);
      task.stack = job.stack;
    }
    words[vertex.job].fill(task);
    task.ports.resize(ports_.count(v));
    for (std::size_t p = 0; p < task.ports.size(); ++p) {
      task.ports[p].name = topology_.ports[ports_.port(v, p)];
    }
    task.teams = {0, vertex.job + 1};
    auto& tasks = machine_at(v).tasks;
    task_position_[v] = tasks.size();
    tasks.push_back(std::move(task));
  }
  for (const auto& job : words) append(complaints_, job.complaints());
}

void Wiring::add_channels() {
  for_each_channel(
      topology_, [&](std::span<const Edge> run) { add_channel(run); },
      [&](std::span<const OpenEdge> run) { add_channel(run); });
  for (auto& machine : plan_.wiring) machine.codecs = rules_.codecs();
}

void Wiring::add_channel(std::span<const Edge> run) {
  const auto& first = run.front();
  queue::ChannelSpec channel;
  channel.id = next_id_++;
  channel.queue = rules_.spec_for(run);
  channel.sender = first.from;
  channel.sender_machine = plan_.machine_of[first.from];
  channel.sender_port = task_port_words(first.from, first.from_port);
  channel.receiver_port = receiver_words(first.to, first.to_port, run.size());
  for (const auto& edge : run) add_receiver(channel, edge.to);
  attach_sender(first.from, first.from_port, first.statement, first.spread, channel);
  attach_receivers(channel, first.to_port);
}

void Wiring::add_channel(std::span<const OpenEdge> run) {
  const auto& first = run.front();
  const auto outside = text(kOutsideJob, '.', topology_.ports[first.outside_port]);
  queue::ChannelSpec channel;
  channel.id = next_id_++;
  channel.queue = rules_.spec_for(run);
  if (first.enters) {
    channel.sender = queue::kOutside;
    channel.sender_port = outside;
    channel.receiver_port = receiver_words(first.task, first.task_port, run.size());
    for (const auto& edge : run) add_receiver(channel, edge.task);
    auto& sends = outside_port(first.outside_port).sends;
    if (std::exchange(last_opening_, first.statement) != first.statement) {
      sends.push_back({first.spread, {}});
    }
    sends.back().channels.push_back(index_on(0, channel));
    attach_receivers(channel, first.task_port);
  } else {
    channel.sender = first.task;
    channel.sender_machine = plan_.machine_of[first.task];
    channel.sender_port = task_port_words(first.task, first.task_port);
    channel.receivers = {queue::kOutside};
    channel.receiver_machines = {0};
    channel.receiver_port = outside;
    const auto statement = kFirstOpening + first.statement;
    attach_sender(first.task, first.task_port, statement, first.spread, channel);
    outside_port(first.outside_port).receives.push_back(index_on(0, channel));
  }
}

std::string Wiring::task_port_words(std::uint32_t vertex, std::uint32_t port) const {
  return text(topology_.vertex_name(profile_, vertex), '.', topology_.ports[port]);
}

std::string Wiring::receiver_words(std::uint32_t vertex, std::uint32_t port,
                                   std::size_t receivers) const {
  if (receivers == 1) return task_port_words(vertex, port);
  const auto& job = profile_.jobs[topology_.vertices[vertex].job];
  return text(job.name, "[*].", topology_.ports[port]);
}

void Wiring::add_receiver(queue::ChannelSpec& channel, std::uint32_t vertex) {
  channel.receivers.push_back(vertex);
  channel.receiver_machines.push_back(plan_.machine_of[vertex]);
}

/// Each machine with an end of the channel gets a copy, and every copy lists all receivers.
std::uint32_t Wiring::index_on(std::uint32_t machine, const queue::ChannelSpec& channel) {
  auto& channels = plan_.wiring[machine].channels;
  if (channels.empty() || channels.back().id != channel.id) channels.push_back(channel);
  return static_cast<std::uint32_t>(channels.size() - 1);
}

void Wiring::attach_receivers(const queue::ChannelSpec& channel, std::uint32_t port) {
  for (std::size_t i = 0; i < channel.receivers.size(); ++i) {
    port_at(channel.receivers[i], port)
        .receives.push_back(index_on(channel.receiver_machines[i], channel));
  }
}

void Wiring::attach_sender(std::uint32_t vertex, std::uint32_t port, std::uint32_t statement,
                           queue::Spread spread, const queue::ChannelSpec& channel) {
  auto& sends = port_at(vertex, port).sends;
  auto& last = last_statement_[ports_.slot(vertex, port)];
  if (std::exchange(last, statement) != statement) sends.push_back({spread, {}});
  sends.back().channels.push_back(index_on(channel.sender_machine, channel));
}

/// A port that several statements open is one port.
queue::PortSpec& Wiring::outside_port(std::uint32_t port) {
  auto& outside = plan_.wiring.front().outside;
  const auto& name = topology_.ports[port];
  const auto known = std::ranges::find(outside, name, &queue::PortSpec::name);
  if (known != outside.end()) return *known;
  return outside.emplace_back(queue::PortSpec{name, {}, {}});
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
