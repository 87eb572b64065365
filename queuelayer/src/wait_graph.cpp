// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/wait_graph.hpp>

#include <algorithm>

#include <mvm/base/text.hpp>
#include <mvm/queuelayer/wait_board.hpp>

#include "knots.hpp"

namespace mvm::queue {

namespace {

/// An exchange may wait at many ports.
constexpr std::size_t kMaxPortsNamed = 8;

std::string ports_of(const TaskSpec& task, std::span<const control::PendingWait> pending) {
  std::vector<std::uint32_t> ports;
  for (const auto& operation : pending) {
    const bool known = operation.port < task.ports.size();
    if (known && (ports.empty() || ports.back() != operation.port)) ports.push_back(operation.port);
  }
  std::string words = ports.size() == 1 ? "port " : "ports ";
  for (std::size_t i = 0; i < std::min(ports.size(), kMaxPortsNamed); ++i) {
    words += text(i == 0 ? "" : ", ", task.ports[ports[i]].name);
  }
  if (ports.size() > kMaxPortsNamed) words += text(" and ", ports.size() - kMaxPortsNamed, " more");
  return words;
}

}  // namespace

std::string_view to_string(TaskCondition condition) {
  switch (condition) {
    case TaskCondition::kStarting:
      return "starting";
    case TaskCondition::kRuns:
      return "runs";
    case TaskCondition::kWaits:
      return "waits";
    case TaskCondition::kStuck:
      return "stuck";
    case TaskCondition::kEnded:
      return "ended";
  }
  return "runs";
}

const TaskWaits& GroupWaits::task(std::uint32_t id) const {
  return *std::ranges::lower_bound(tasks, id, {}, &TaskWaits::task);
}

WaitGraph::WaitGraph(std::span<const WiringPlan> machines)
    : machines_(machines), channel_at_(machines.size()) {
  std::unordered_map<std::uint64_t, std::uint32_t> channel_of_id;
  for (std::uint32_t m = 0; m < machines.size(); ++m) {
    const WiringPlan& plan = machines[m];
    for (std::uint32_t i = 0; i < plan.tasks.size(); ++i) {
      tasks_.push_back({&plan.tasks[i], {m, i}});
    }
    for (std::uint32_t i = 0; i < plan.channels.size(); ++i) {
      const ChannelSpec& spec = plan.channels[i];
      const auto [known, is_new] = channel_of_id.emplace(spec.id, channels_.size());
      if (is_new) channels_.push_back({.spec = &spec, .receivers = {}});
      channel_at_[m].push_back(known->second);
      Channel& channel = channels_[known->second];
      if (spec.sender_machine == m) channel.sender = {m, i};
      if (std::ranges::find(spec.receiver_machines, m) != spec.receiver_machines.end()) {
        channel.receivers.push_back({m, i});
      }
    }
  }
  std::ranges::sort(tasks_, {}, [](const Task& task) { return task.spec->id; });
  for (std::uint32_t i = 0; i < tasks_.size(); ++i) task_of_id_[tasks_[i].spec->id] = i;
}

/// One look at one round of answers. Nodes are the tasks, then the teams: a task in a collective
/// operation waits for its team, and the team for its members.
class WaitSurvey {
 public:
  WaitSurvey(const WaitGraph& graph, std::span<const control::Status> statuses)
      : graph_(graph),
        statuses_(statuses),
        team_count_(graph.machines_.empty() ? 0 : graph.machines_[0].teams.size()),
        nodes_(graph.tasks_.size() + team_count_) {}

  GroupWaits take();

 private:
  using Channel = WaitGraph::Channel;
  using Place = WaitGraph::Place;

  [[nodiscard]] const control::TaskStatus* status_of(std::uint32_t task) const;
  [[nodiscard]] const control::ChannelCount* count_at(Place place) const;
  [[nodiscard]] bool has_ended(std::uint32_t task) const;
  [[nodiscard]] bool link_is_quiet(const Channel& channel) const;
  [[nodiscard]] bool room_is_told(const Channel& channel) const;
  [[nodiscard]] Awaited awaited(const Channel& channel, std::uint32_t id) const;
  [[nodiscard]] const Channel* channel_at(Place place) const;

  void look_at(std::uint32_t task);
  void describe(std::uint32_t task, const control::ThreadWait& wait);
  void wait_at(std::uint32_t task, const control::PendingWait& operation, DescribedWait& wait);
  void wait_for_messages(std::uint32_t task, const PortSpec& port, DescribedWait& wait);
  void wait_for_message(std::uint32_t task, const PortSpec& port, const Channel& channel,
                        DescribedWait& wait);
  void wait_for_room(std::uint32_t task, const PortSpec& port, const Channel& channel,
                     DescribedWait& wait);
  void wait_for_team(std::uint32_t task, DescribedWait& wait);
  void wait_for_member(std::uint32_t task, DescribedWait& wait);
  void wait_for_task(std::uint32_t task, Awaited&& awaited, DescribedWait& wait);
  [[nodiscard]] const TeamSpec* team_of(std::uint32_t task, const control::ThreadWait& wait) const;
  void look_at_team(std::uint32_t team);
  [[nodiscard]] bool is_at(std::uint32_t task, std::uint32_t team) const;

  const WaitGraph& graph_;
  std::span<const control::Status> statuses_;
  std::size_t team_count_;
  WaitNodes nodes_;
  GroupWaits found_;
};

GroupWaits WaitGraph::look(std::span<const control::Status> statuses) const {
  return WaitSurvey(*this, statuses).take();
}

GroupWaits WaitSurvey::take() {
  for (std::uint32_t task = 0; task < graph_.tasks_.size(); ++task) look_at(task);
  for (std::uint32_t team = 0; team < team_count_; ++team) look_at_team(team);
  nodes_.solve();
  for (std::uint32_t task = 0; task < graph_.tasks_.size(); ++task) {
    if (nodes_.is_stuck(task)) found_.tasks[task].condition = TaskCondition::kStuck;
  }
  for (const auto& knot : nodes_.knots()) {
    auto& ids = found_.knots.emplace_back();
    for (const auto node : knot) {
      if (node < graph_.tasks_.size()) ids.push_back(graph_.tasks_[node].spec->id);
    }
  }
  return std::move(found_);
}

/// Null where a machine's answer does not fit its plan: then nothing is said of the task.
const control::TaskStatus* WaitSurvey::status_of(std::uint32_t task) const {
  const auto& [spec, place] = graph_.tasks_[task];
  if (place.machine >= statuses_.size()) return nullptr;
  const auto& tasks = statuses_[place.machine].tasks;
  if (place.position >= tasks.size() || tasks[place.position].task != spec->id) return nullptr;
  return &tasks[place.position];
}

const control::ChannelCount* WaitSurvey::count_at(Place place) const {
  if (place.machine >= statuses_.size()) return nullptr;
  const auto& channels = statuses_[place.machine].channels;
  return place.position < channels.size() ? &channels[place.position] : nullptr;
}

bool WaitSurvey::has_ended(std::uint32_t task) const {
  const auto* status = status_of(task);
  return status != nullptr && status->state == control::TaskState::kEnded;
}

/// No message of a channel between machines is on its way, nor its end: the sender's machine keeps
/// each until the receiver's machine has reported it done, so the two hold the same number only
/// then. Where receivers on the sender's machine compete, what lies there unread may yet be sent.
bool WaitSurvey::link_is_quiet(const Channel& channel) const {
  const auto* sent = count_at(channel.sender);
  std::uint64_t arrived = 0;
  for (const auto& place : channel.receivers) {
    if (place.machine == channel.sender.machine) continue;
    const auto* count = count_at(place);
    if (count == nullptr) return false;
    arrived += count->left;
  }
  return sent != nullptr && !sent->sender_closed && sent->left == arrived;
}

/// No room that was made on another machine is on its way to the sender: as many messages have left
/// the queue there as have left it here, but for those received here.
bool WaitSurvey::room_is_told(const Channel& channel) const {
  const auto* sent = count_at(channel.sender);
  if (sent == nullptr) return false;
  bool crosses = false;
  std::uint64_t gone = 0;
  for (const auto& place : channel.receivers) {
    if (place.machine == channel.sender.machine) continue;
    crosses = true;
    const auto* count = count_at(place);
    if (count == nullptr) return false;
    gone += count->enqueued - count->left;
  }
  return !crosses || sent->enqueued - sent->dropped() - sent->left - sent->dequeued == gone;
}

Awaited WaitSurvey::awaited(const Channel& channel, std::uint32_t id) const {
  Awaited result{.task = id, .channel = channel.spec->id};
  if (const auto* count = count_at(channel.sender)) result.sent = count->enqueued;
  for (const auto& place : channel.receivers) {
    if (const auto* count = count_at(place)) result.received += count->dequeued;
  }
  return result;
}

void WaitSurvey::look_at(std::uint32_t task) {
  const auto& [spec, place] = graph_.tasks_[task];
  TaskWaits& told = found_.tasks.emplace_back();
  told.task = spec->id;
  told.name = spec->name();
  told.machine = place.machine;
  const auto* status = status_of(task);
  if (status == nullptr) return nodes_.free(task);
  told.threads = status->threads;
  told.has_children = status->has_children;
  if (status->state != control::TaskState::kAttached) {
    told.condition = status->state == control::TaskState::kEnded ? TaskCondition::kEnded
                                                                 : TaskCondition::kStarting;
    return nodes_.free(task);
  }
  for (const auto& wait : status->waits) describe(task, wait);
  const bool all_wait = status->threads != 0 && status->threads == status->waits.size();
  if (!all_wait || status->has_children) return nodes_.free(task);
  told.condition = TaskCondition::kWaits;
}

void WaitSurvey::describe(std::uint32_t task, const control::ThreadWait& wait) {
  const TaskSpec& spec = *graph_.tasks_[task].spec;
  DescribedWait& told = found_.tasks[task].waits.emplace_back();
  told.wait = wait;
  if (wait.limited || wait.can_go_on) nodes_.free(task);
  switch (wait.kind) {
    case WaitKind::kReceive:
    case WaitKind::kSend:
      if (wait.subject < spec.ports.size()) told.place = spec.ports[wait.subject].name;
      wait_at(task, {wait.kind, wait.subject, wait.channel, wait.size}, told);
      break;
    case WaitKind::kReceiveAny:
      told.place = "any port";
      for (const auto& port : spec.ports) {
        if (!port.name.starts_with(kHiddenMark)) wait_for_messages(task, port, told);
      }
      break;
    case WaitKind::kExchange:
      told.place = ports_of(spec, wait.pending);
      for (const auto& operation : wait.pending) {
        const auto before = told.awaited_count;
        wait_at(task, operation, told);
        if (told.awaited_count == before) nodes_.free(task);
      }
      break;
    case WaitKind::kCollective:
      wait_for_team(task, told);
      break;
    case WaitKind::kMember:
      wait_for_member(task, told);
      break;
  }
  // Whoever waits for nobody is not understood here.
  if (told.awaited_count == 0) nodes_.free(task);
}

/// One receive or send, alone or as a part of an exchange.
void WaitSurvey::wait_at(std::uint32_t task, const control::PendingWait& operation,
                         DescribedWait& wait) {
  const auto& [spec, place] = graph_.tasks_[task];
  if (operation.port >= spec->ports.size()) return nodes_.free(task);
  const PortSpec& port = spec->ports[operation.port];
  if (operation.kind != WaitKind::kSend) return wait_for_messages(task, port, wait);
  const auto* channel = channel_at({place.machine, operation.channel});
  if (channel == nullptr) return nodes_.free(task);
  wait_for_room(task, port, *channel, wait);
}

const WaitGraph::Channel* WaitSurvey::channel_at(Place place) const {
  const auto& channels = graph_.channel_at_[place.machine];
  return place.position < channels.size() ? &graph_.channels_[channels[place.position]] : nullptr;
}

void WaitSurvey::wait_for_task(std::uint32_t task, Awaited&& awaited, DescribedWait& wait) {
  ++wait.awaited_count;
  wait.passed += awaited.sent + awaited.received;
  const auto known = graph_.task_of_id_.find(awaited.task);
  if (known == graph_.task_of_id_.end()) {
    nodes_.free(task);  // a program outside
  } else {
    nodes_.wait_for(task, known->second);
  }
  if (wait.awaited.size() < WaitGraph::kMaxAwaited) wait.awaited.push_back(std::move(awaited));
}

void WaitSurvey::wait_for_messages(std::uint32_t task, const PortSpec& port, DescribedWait& wait) {
  const auto machine = graph_.tasks_[task].place.machine;
  for (const auto number : port.receives) {
    if (const auto* channel = channel_at({machine, number})) {
      wait_for_message(task, port, *channel, wait);
    }
  }
}

void WaitSurvey::wait_for_message(std::uint32_t task, const PortSpec& port, const Channel& channel,
                                  DescribedWait& wait) {
  const auto& place = graph_.tasks_[task].place;
  const auto receiver = std::ranges::find(channel.receivers, place.machine, &Place::machine);
  const auto* count = receiver == channel.receivers.end() ? nullptr : count_at(*receiver);
  if (count == nullptr) return nodes_.free(task);
  if (count->sender_closed) return;
  if (channel.spec->sender_machine != place.machine && !link_is_quiet(channel)) nodes_.free(task);
  auto sender = awaited(channel, channel.spec->sender);
  sender.port = port.name;
  wait_for_task(task, std::move(sender), wait);
}

void WaitSurvey::wait_for_room(std::uint32_t task, const PortSpec& port, const Channel& channel,
                               DescribedWait& wait) {
  if (!room_is_told(channel)) nodes_.free(task);
  for (const auto id : channel.spec->receivers) {
    const auto known = graph_.task_of_id_.find(id);
    // One that has ended takes nothing more. When all have, word of it is on its way.
    if (known != graph_.task_of_id_.end() && has_ended(known->second)) continue;
    auto receiver = awaited(channel, id);
    receiver.port = port.name;
    receiver.room = true;
    wait_for_task(task, std::move(receiver), wait);
  }
}

/// Null when the answer names no team of the task.
const TeamSpec* WaitSurvey::team_of(std::uint32_t task, const control::ThreadWait& wait) const {
  const auto& teams = graph_.tasks_[task].spec->teams;
  if (wait.subject >= teams.size() || teams[wait.subject] >= team_count_) return nullptr;
  return &graph_.machines_[0].teams[teams[wait.subject]];
}

void WaitSurvey::wait_for_team(std::uint32_t task, DescribedWait& wait) {
  const TeamSpec* team = team_of(task, wait.wait);
  if (team == nullptr) return nodes_.free(task);
  const auto number = graph_.tasks_[task].spec->teams[wait.wait.subject];
  wait.place = team->name;
  for (const auto id : team->members) {
    const auto known = graph_.task_of_id_.find(id);
    if (known == graph_.task_of_id_.end() || is_at(known->second, number)) continue;
    ++wait.awaited_count;
    if (wait.awaited.size() < WaitGraph::kMaxAwaited) wait.awaited.push_back({.task = id});
  }
  nodes_.wait_for(task, static_cast<std::uint32_t>(graph_.tasks_.size()) + number);
}

/// What a member on another machine contributes is brought by this machine's leader, the first
/// member here.
void WaitSurvey::wait_for_member(std::uint32_t task, DescribedWait& wait) {
  const TeamSpec* team = team_of(task, wait.wait);
  if (team == nullptr || wait.wait.channel >= team->members.size()) return nodes_.free(task);
  wait.place = team->name;
  wait.awaited_count = 1;
  wait.awaited.push_back({.task = team->members[wait.wait.channel]});
  auto bringer = std::size_t{wait.wait.channel};
  const auto machine = graph_.tasks_[task].place.machine;
  if (team->machines[bringer] != machine) {
    const auto leader = std::ranges::find(team->machines, machine);
    bringer = static_cast<std::size_t>(leader - team->machines.begin());
  }
  if (bringer >= team->members.size()) return nodes_.free(task);
  const auto known = graph_.task_of_id_.find(team->members[bringer]);
  if (known == graph_.task_of_id_.end()) return nodes_.free(task);
  nodes_.wait_for(task, known->second);
}

/// Whether a task waits in a collective operation of this team; leaders also wait at the team's
/// hidden ports, for other machines.
bool WaitSurvey::is_at(std::uint32_t task, std::uint32_t team) const {
  const auto* status = status_of(task);
  if (status == nullptr) return false;
  const TaskSpec& spec = *graph_.tasks_[task].spec;
  const auto prefix = text(kHiddenMark, graph_.machines_[0].teams[team].name, '.');
  return std::ranges::any_of(status->waits, [&](const control::ThreadWait& wait) {
    if (is_collective(wait.kind)) {
      return wait.subject < spec.teams.size() && spec.teams[wait.subject] == team;
    }
    const bool at_port = wait.kind == WaitKind::kReceive || wait.kind == WaitKind::kSend;
    return at_port && wait.subject < spec.ports.size() &&
           spec.ports[wait.subject].name.starts_with(prefix);
  });
}

/// A team gets on when some member can move. When all are there, it is about to; and when one has
/// ended, its word may be on its way to those who wait.
void WaitSurvey::look_at_team(std::uint32_t team) {
  const auto node = static_cast<std::uint32_t>(graph_.tasks_.size()) + team;
  bool all_there = true;
  for (const auto id : graph_.machines_[0].teams[team].members) {
    const auto known = graph_.task_of_id_.find(id);
    if (known == graph_.task_of_id_.end()) return nodes_.free(node);
    if (!is_at(known->second, team)) all_there = false;
    nodes_.wait_for(node, known->second);
  }
  if (all_there) nodes_.free(node);
}

bool same_standstill(const GroupWaits& before, const GroupWaits& after) {
  if (before.knots != after.knots || before.tasks.size() != after.tasks.size()) return false;
  const auto same_wait = [](const DescribedWait& a, const DescribedWait& b) {
    auto wait = a.wait;
    wait.lasted = b.wait.lasted;
    return wait == b.wait && a.awaited == b.awaited && a.awaited_count == b.awaited_count &&
           a.passed == b.passed;
  };
  for (std::size_t i = 0; i < before.tasks.size(); ++i) {
    const auto& a = before.tasks[i];
    const auto& b = after.tasks[i];
    if ((a.condition == TaskCondition::kStuck) != (b.condition == TaskCondition::kStuck)) {
      return false;
    }
    if (a.condition != TaskCondition::kStuck) continue;
    if (a.threads != b.threads || !std::ranges::equal(a.waits, b.waits, same_wait)) return false;
  }
  return true;
}

}  // namespace mvm::queue
