// SPDX-License-Identifier: Apache-2.0
#include "wiring_plan_check.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include <mvm/base/id.hpp>

namespace mvm::queue {
namespace {

constexpr std::size_t kSecretDigits = 64;

/// One end of a channel: which channel, at which task. Sorted, two lists of them are compared.
using End = std::pair<std::uint32_t, std::uint32_t>;

bool is_file_name(std::string_view words) {
  return !words.empty() && words != "." && words != ".." &&
         words.find('/') == std::string_view::npos;
}

/// True for a relative path that stays below the folder it starts from.
bool stays_below(std::string_view path) {
  if (path.empty() || path.front() == '/') return false;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    if (path.substr(0, slash) == "..") return false;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return true;
}

/// True for "cell[0].x+", "cell[*].x+" and "outside.x+" when the port is x+: words that would not
/// mislead.
bool names_port(std::string_view words, const PortSpec& port) {
  if (!words.ends_with(port.name)) return false;
  const auto owner = words.substr(0, words.size() - port.name.size());
  return owner.ends_with("].") || owner == "outside.";
}

class PlanCheck {
 public:
  explicit PlanCheck(const WiringPlan& plan) : plan_(plan) {}

  Result<void> run() {
    for (const auto step :
         {&PlanCheck::check_group, &PlanCheck::check_tasks, &PlanCheck::check_channels,
          &PlanCheck::check_ports, &PlanCheck::check_ends_agree, &PlanCheck::check_teams}) {
      if (auto sound = (this->*step)(); !sound) return sound;
    }
    return {};
  }

 private:
  template <typename... Pieces>
  [[nodiscard]] std::unexpected<Error> refuse(const Pieces&... pieces) const {
    return fail(ErrorCode::kInvalidPlan, "wiring plan of ", plan_.group, ", machine ",
                plan_.machine, ": ", pieces...);
  }

  [[nodiscard]] std::string name_of(std::uint32_t task) const {
    if (task == kOutside) return "outside";
    const auto found = tasks_.find(task);
    return found == tasks_.end() ? text("task ", task) : plan_.tasks[found->second].name();
  }

  Result<void> check_group() {
    if (!is_group_id(plan_.group)) {
      return fail(ErrorCode::kInvalidPlan, "wiring plan: '", plan_.group,
                  "' is no group id; it looks like heat-3f9c02ab");
    }
    if (plan_.machine >= plan_.machines.size()) {
      return refuse("the group has only ", plan_.machines.size(), " machines");
    }
    const bool hexadecimal =
        plan_.secret.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!plan_.secret.empty() && (plan_.secret.size() != kSecretDigits || !hexadecimal)) {
      return refuse("the group's secret is not ", kSecretDigits, " hexadecimal digits");
    }
    for (const auto& program : plan_.programs) {
      if (program.empty()) return refuse("a program has no path");
    }
    for (const auto& plugin : plan_.plugins) {
      if (!plugin.path.starts_with('/')) {
        return refuse("plugin '", plugin.name, "' has no absolute path");
      }
    }
    for (const auto& codec : plan_.codecs) {
      if (codec.kind == CodecKind::kCustom && codec.plugin >= plan_.plugins.size()) {
        return refuse("a codec uses plugin ", codec.plugin, " of ", plan_.plugins.size());
      }
    }
    if (!plan_.outside.empty() && plan_.machine != 0) {
      return refuse("ports are open to the outside on a machine that is not the first");
    }
    return {};
  }

  Result<void> check_tasks() {
    std::set<std::pair<std::string_view, std::uint32_t>> names;
    for (std::uint32_t i = 0; i < plan_.tasks.size(); ++i) {
      const auto& task = plan_.tasks[i];
      if (auto sound = check_task(task); !sound) return sound;
      if (!tasks_.emplace(task.id, i).second) {
        return refuse("two tasks have the id ", task.id, ", one of them is ", task.name());
      }
      if (!names.emplace(task.job, task.index).second) {
        return refuse("there are two tasks ", task.name());
      }
    }
    return check_workers();
  }

  /// Each worker has tasks, and all of them the same cores: it is one process.
  Result<void> check_workers() const {
    std::map<std::uint32_t, const TaskSpec*> first;
    for (const auto& task : plan_.tasks) {
      if (!task.worker) continue;
      const auto* other = first.emplace(*task.worker, &task).first->second;
      if (other->cores != task.cores) {
        return refuse(task.name(), " and ", other->name(), " share a worker, but not their cores");
      }
    }
    if (first.size() == plan_.workers) return {};
    return refuse(plan_.workers, " workers, but tasks for ", first.size(), " of them");
  }

  Result<void> check_task(const TaskSpec& task) const {
    // Job names become folder and file names: "work/cell.3".
    if (!is_file_name(task.job)) {
      return refuse("job '", task.job, "' of task ", task.id, " cannot be part of a file name");
    }
    if (task.index >= task.count) {
      return refuse(task.name(), " is outside of its job's ", task.count, " tasks");
    }
    if (task.program >= plan_.programs.size()) {
      return refuse(task.name(), " runs program ", task.program, ", but there are only ",
                    plan_.programs.size());
    }
    for (const auto& word : task.environment) {
      if (const auto equals = word.find('='); equals == 0 || equals == std::string::npos) {
        return refuse(task.name(), " has '", word, "' in its environment, which is not NAME=value");
      }
    }
    for (const auto& input : task.inputs) {
      if (!input.starts_with('/')) {
        return refuse("input '", input, "' of ", task.name(), " is not an absolute path");
      }
    }
    for (const auto& output : task.outputs) {
      if (!stays_below(output)) {
        return refuse("output '", output, "' of ", task.name(), " leaves the task's directory");
      }
    }
    if (task.worker) {
      if (*task.worker >= plan_.workers || plan_.worker_program.empty()) {
        return refuse(task.name(), " is a fiber of worker ", *task.worker, " of ", plan_.workers,
                      plan_.worker_program.empty() ? ", whose program has no path" : "");
      }
      if (task.stack < kSmallestStack || task.stack > kLargestStack) {
        return refuse(task.name(), " has a stack of ", mvm::to_string(task.stack), "; allowed are ",
                      mvm::to_string(kSmallestStack), " to ", mvm::to_string(kLargestStack));
      }
    }
    for (const auto core : task.cores) {
      if (core >= kMaxCores) {
        return refuse(task.name(), " is pinned to core ", core, ", beyond ", kMaxCores - 1);
      }
    }
    return {};
  }

  Result<void> check_channels() {
    std::set<std::uint64_t> ids;
    for (std::uint32_t i = 0; i < plan_.channels.size(); ++i) {
      const auto& channel = plan_.channels[i];
      if (!ids.insert(channel.id).second) return refuse("two channels have the id ", channel.id);
      const auto& queue = channel.queue;
      if (queue.capacity == 0 || queue.capacity > kMaxCapacity) {
        return refuse("channel ", channel.id, " has room for ", queue.capacity,
                      " messages; allowed are 1 to ", kMaxCapacity);
      }
      if (queue.bytes.count == 0 || queue.bytes > kMaxQueueBytes) {
        return refuse("channel ", channel.id, " has room for ", mvm::to_string(queue.bytes),
                      "; allowed are 1 B to ", mvm::to_string(kMaxQueueBytes));
      }
      if (auto sound = check_policies(channel); !sound) return sound;
      if (channel.receivers.empty() ||
          channel.receivers.size() != channel.receiver_machines.size()) {
        return refuse("channel ", channel.id, " has ", channel.receivers.size(), " receivers on ",
                      channel.receiver_machines.size(), " machines");
      }
      if (auto sound = check_channel_ends(i); !sound) return sound;
    }
    return {};
  }

  Result<void> check_policies(const ChannelSpec& channel) const {
    const auto& queue = channel.queue;
    if (queue.levels == 0 || queue.levels > kMaxLevels) {
      return refuse("channel ", channel.id, " has ", queue.levels, " levels; allowed are 1 to ",
                    kMaxLevels);
    }
    if (queue.type == QueueType::kCustom && queue.plugin >= plan_.plugins.size()) {
      return refuse("channel ", channel.id, " uses plugin ", queue.plugin, " of ",
                    plan_.plugins.size());
    }
    if (queue.codecs.size() > kMaxCodecs) {
      return refuse("channel ", channel.id, " chains ", queue.codecs.size(), " codecs; at most ",
                    kMaxCodecs, " are possible");
    }
    for (const auto codec : queue.codecs) {
      if (codec >= plan_.codecs.size()) {
        return refuse("channel ", channel.id, " uses codec ", codec, " of ", plan_.codecs.size());
      }
    }
    if (queue.link.loss_ppb > 1'000'000'000) {
      return refuse("channel ", channel.id, " loses more messages than there are");
    }
    return {};
  }

  /// Collects the ends that lie on this machine, and sees that they really do.
  Result<void> check_channel_ends(std::uint32_t index) {
    const auto& channel = plan_.channels[index];
    bool local = false;
    const auto take = [&](std::uint32_t task, std::uint32_t machine,
                          std::vector<End>& ends) -> Result<void> {
      if (machine >= plan_.machines.size()) {
        return refuse("channel ", channel.id, " ends on machine ", machine, " of ",
                      plan_.machines.size());
      }
      if (task == kOutside && machine != 0) {
        return refuse("channel ", channel.id, " has its outside end on machine ", machine);
      }
      const bool here = task == kOutside ? plan_.machine == 0 : tasks_.contains(task);
      if (here != (machine == plan_.machine)) {
        return refuse("channel ", channel.id, " puts ", name_of(task), " on machine ", machine,
                      ", the task list does not");
      }
      if (machine == plan_.machine) {
        ends.emplace_back(index, task);
        local = true;
      }
      return {};
    };
    if (auto sound = take(channel.sender, channel.sender_machine, channel_senders_); !sound) {
      return sound;
    }
    for (std::size_t i = 0; i < channel.receivers.size(); ++i) {
      auto sound = take(channel.receivers[i], channel.receiver_machines[i], channel_receivers_);
      if (!sound) return sound;
    }
    if (!local) return refuse("channel ", channel.id, " neither begins nor ends here");
    return {};
  }

  Result<void> check_ports() {
    for (const auto& task : plan_.tasks) {
      if (auto sound = check_ports_of(task.id, task.ports); !sound) return sound;
    }
    return check_ports_of(kOutside, plan_.outside);
  }

  Result<void> check_ports_of(std::uint32_t task, const std::vector<PortSpec>& ports) {
    std::set<std::string_view> names;
    for (const auto& port : ports) {
      if (port.name.empty()) return refuse("a port of ", name_of(task), " has no name");
      if (!names.insert(port.name).second) {
        return refuse(name_of(task), " has two ports '", port.name, "'");
      }
      for (const auto& group : port.sends) {
        if (auto sound = check_send_group(task, port, group); !sound) return sound;
      }
      for (const auto channel : port.receives) {
        if (auto sound = check_index(task, port, channel); !sound) return sound;
        if (!names_port(plan_.channels[channel].receiver_port, port)) {
          return refuse("channel ", plan_.channels[channel].id, " arrives at port '",
                        plan_.channels[channel].receiver_port, "', but ", name_of(task),
                        " has it at '", port.name, "'");
        }
        port_receivers_.emplace_back(channel, task);
      }
    }
    return {};
  }

  Result<void> check_index(std::uint32_t task, const PortSpec& port, std::uint32_t channel) const {
    if (channel < plan_.channels.size()) return {};
    return refuse(name_of(task), '.', port.name, " uses channel number ", channel,
                  ", but there are only ", plan_.channels.size());
  }

  Result<void> check_send_group(std::uint32_t task, const PortSpec& port, const SendGroup& group) {
    const bool single = group.spread == Spread::kOneToOne || group.spread == Spread::kShared;
    if (group.channels.empty() || (single && group.channels.size() != 1)) {
      return refuse(name_of(task), '.', port.name, " spreads ", to_string(group.spread), " over ",
                    group.channels.size(), " channels");
    }
    for (const auto channel : group.channels) {
      if (auto sound = check_index(task, port, channel); !sound) return sound;
      const auto& spec = plan_.channels[channel];
      if (!names_port(spec.sender_port, port)) {
        return refuse("channel ", spec.id, " leaves port '", spec.sender_port, "', but ",
                      name_of(task), " has it at '", port.name, "'");
      }
      if (spec.receivers.size() > 1 && group.spread != Spread::kShared) {
        return refuse("channel ", spec.id, " has ", spec.receivers.size(),
                      " receivers, but its spread is ", to_string(group.spread));
      }
      port_senders_.emplace_back(channel, task);
    }
    return {};
  }

  /// What channels say of their ends and what ports say of their channels must be the same sets.
  Result<void> check_ends_agree() {
    if (auto sound = compare(channel_senders_, port_senders_, "sender"); !sound) return sound;
    return compare(channel_receivers_, port_receivers_, "receiver");
  }

  Result<void> compare(std::vector<End>& by_channel, std::vector<End>& by_port,
                       const char* role) const {
    for (auto* ends : {&by_channel, &by_port}) {
      std::ranges::sort(*ends);
      if (const auto twice = std::ranges::adjacent_find(*ends); twice != ends->end()) {
        return refuse(name_of(twice->second), " is named twice as ", role, " of channel ",
                      plan_.channels[twice->first].id);
      }
    }
    const auto [channel_end, port_end] = std::ranges::mismatch(by_channel, by_port);
    if (channel_end == by_channel.end() && port_end == by_port.end()) return {};
    const bool unported =
        port_end == by_port.end() || (channel_end != by_channel.end() && *channel_end < *port_end);
    const auto [channel, task] = unported ? *channel_end : *port_end;
    if (unported) {
      return refuse("channel ", plan_.channels[channel].id, " has ", name_of(task), " as ", role,
                    ", but no port of it says so");
    }
    return refuse("a port of ", name_of(task), " is ", role, " of channel ",
                  plan_.channels[channel].id, ", but the channel does not say so");
  }

  Result<void> check_teams() {
    for (const auto& team : plan_.teams) {
      if (team.members.empty() || team.members.size() != team.machines.size() ||
          team.root >= team.members.size()) {
        return refuse("team '", team.name, "' has ", team.members.size(), " members on ",
                      team.machines.size(), " machines and root ", team.root);
      }
      for (std::size_t i = 0; i < team.members.size(); ++i) {
        if (team.machines[i] >= plan_.machines.size() ||
            tasks_.contains(team.members[i]) != (team.machines[i] == plan_.machine)) {
          return refuse("team '", team.name, "' puts ", name_of(team.members[i]), " on machine ",
                        team.machines[i], ", the task list does not");
        }
      }
    }
    for (const auto& task : plan_.tasks) {
      for (const auto team : task.teams) {
        const bool member = team < plan_.teams.size() &&
                            std::ranges::binary_search(plan_.teams[team].members, task.id);
        if (!member) return refuse(task.name(), " is no member of its team ", team);
      }
    }
    return {};
  }

  const WiringPlan& plan_;
  std::unordered_map<std::uint32_t, std::uint32_t> tasks_;  ///< by id: index in the plan
  std::vector<End> channel_senders_;
  std::vector<End> channel_receivers_;
  std::vector<End> port_senders_;
  std::vector<End> port_receivers_;
};

}  // namespace

Result<void> check_references(const WiringPlan& plan) {
  return PlanCheck(plan).run();
}

}  // namespace mvm::queue
