// SPDX-License-Identifier: GPL-3.0-or-later
#include "team_wiring.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mvm::model {
namespace {

/// The lowest member of a team on one machine.
struct Leader {
  std::uint32_t machine = 0;
  std::uint32_t task = 0;
};

/// In ascending order of machines.
std::vector<Leader> leaders_of(const queue::TeamSpec& team) {
  std::map<std::uint32_t, std::uint32_t> lowest;  // by machine
  for (std::size_t i = 0; i < team.members.size(); ++i) {
    lowest.try_emplace(team.machines[i], team.members[i]);  // members ascend
  }
  std::vector<Leader> leaders;
  for (const auto& [machine, task] : lowest) leaders.push_back({machine, task});
  return leaders;
}

queue::QueueSpec team_queue() {
  queue::QueueSpec queue;
  queue.capacity = kTeamCapacity;
  queue.bytes = kTeamBytes;
  return queue;
}

class TeamWiring {
 public:
  TeamWiring(const Profile& profile, std::uint64_t next_id, Plan& plan)
      : profile_(profile), next_id_(next_id), plan_(plan) {}

  void run() {
    const auto teams = make_teams();
    for (auto& machine : plan_.wiring) machine.teams = teams;
    for (const auto& team : teams) join_machines(team);
  }

 private:
  [[nodiscard]] std::vector<queue::TeamSpec> make_teams() const {
    std::vector<queue::TeamSpec> teams(profile_.jobs.size() + 1);
    teams[0].name = kEveryone;
    for (std::size_t job = 0; job < profile_.jobs.size(); ++job) {
      teams[job + 1].name = profile_.jobs[job].name;
    }
    const auto& vertices = plan_.topology.vertices;
    for (std::uint32_t v = 0; v < vertices.size(); ++v) {
      for (auto* team : {&teams[0], &teams[vertices[v].job + 1]}) {
        team->members.push_back(v);
        team->machines.push_back(plan_.machine_of[v]);
      }
    }
    set_roots(teams);
    return teams;
  }

  void set_roots(std::vector<queue::TeamSpec>& teams) const {
    for (const auto& root : profile_.roots) {
      const auto job = std::ranges::find(profile_.jobs, root.job, &JobModel::name);
      const auto team = static_cast<std::size_t>(job - profile_.jobs.begin()) + 1;
      if (&root == &profile_.roots.front()) teams[0].root = teams[team].members[root.index];
      teams[team].root = root.index;
    }
  }

  void join_machines(const queue::TeamSpec& team) {
    const auto leaders = leaders_of(team);
    for (std::size_t position = 1; position < leaders.size(); ++position) {
      const auto& child = leaders[position];
      const auto& parent = leaders[(position - 1) / 2];
      const auto up = text(queue::kHiddenMark, team.name, ".up");
      const auto down = text(queue::kHiddenMark, team.name, ".down", (position - 1) % 2);
      add_channel(child, up, parent, down);
      add_channel(parent, down, child, up);
    }
  }

  void add_channel(const Leader& from, const std::string& from_port, const Leader& to,
                   const std::string& to_port) {
    queue::ChannelSpec channel;
    channel.id = next_id_++;
    channel.queue = team_queue();
    channel.sender = from.task;
    channel.sender_machine = from.machine;
    channel.sender_port = port_words(from, from_port);
    channel.receivers = {to.task};
    channel.receiver_machines = {to.machine};
    channel.receiver_port = port_words(to, to_port);
    port_at(from, from_port)
        .sends.push_back({queue::Spread::kOneToOne, {add_to(from.machine, channel)}});
    port_at(to, to_port).receives.push_back(add_to(to.machine, channel));
  }

  std::uint32_t add_to(std::uint32_t machine, const queue::ChannelSpec& channel) {
    auto& channels = plan_.wiring[machine].channels;
    channels.push_back(channel);
    return static_cast<std::uint32_t>(channels.size() - 1);
  }

  [[nodiscard]] std::string port_words(const Leader& leader, const std::string& port) const {
    return text(plan_.topology.vertex_name(profile_, leader.task), '.', port);
  }

  queue::PortSpec& port_at(const Leader& leader, const std::string& name) {
    auto& tasks = plan_.wiring[leader.machine].tasks;  // in ascending order of ids
    auto& ports = std::ranges::lower_bound(tasks, leader.task, {}, &queue::TaskSpec::id)->ports;
    const auto known = std::ranges::find(ports, name, &queue::PortSpec::name);
    if (known != ports.end()) return *known;
    return ports.emplace_back(queue::PortSpec{name, {}, {}});
  }

  const Profile& profile_;
  std::uint64_t next_id_;
  Plan& plan_;
};

}  // namespace

void wire_teams(const Profile& profile, std::uint64_t next_id, Plan& plan) {
  TeamWiring(profile, next_id, plan).run();
}

Diagnostics check_team_size(const Profile& profile, std::size_t tasks, std::size_t machines) {
  if (tasks * machines <= kMaxTeamEntries) return {};
  return {{profile.file.string(), 0,
           text(tasks, " tasks on ", machines,
                " machines are more than one group can hold: ", "tasks times machines are at most ",
                kMaxTeamEntries, "; use fewer machines or fewer tasks")}};
}

}  // namespace mvm::model
