// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include <mvm/model/plan.hpp>

#include "queue_words.hpp"

namespace mvm::model {

namespace {

using Json = nlohmann::ordered_json;

Json figures_json(const PlanFigures& figures) {
  return {{"tasks", figures.tasks},
          {"edges", figures.edges},
          {"edges_cut", figures.edges_cut},
          {"weight_cut", figures.weight_cut},
          {"round_robin_edges_cut", figures.round_robin_edges_cut},
          {"core_edges_cut", figures.core_edges_cut}};
}

Json machine_json(const PlannedMachine& machine) {
  Json json = {{"name", machine.name}, {"kind", machine.kind}, {"cores", machine.cores}};
  if (machine.memory) json["memory"] = machine.memory->count;
  return json;
}

Json task_json(const Profile& profile, const Plan& plan, std::uint32_t v,
               const std::optional<std::uint32_t>& worker) {
  const auto& vertex = plan.topology.vertices[v];
  Json json = {{"id", v},
               {"name", plan.topology.vertex_name(profile, v)},
               {"job", profile.jobs[vertex.job].name},
               {"index", vertex.index},
               {"coordinates", vertex.coordinates},
               {"machine", plan.machine_of[v]}};
  if (plan.core_of[v] >= 0) json["core"] = plan.core_of[v];
  if (worker) json["worker"] = *worker;
  return json;
}

Json edge_json(const Plan& plan, const Edge& edge) {
  return {{"from", edge.from},
          {"from_port", plan.topology.ports[edge.from_port]},
          {"to", edge.to},
          {"to_port", plan.topology.ports[edge.to_port]},
          {"spread", queue::to_string(edge.spread)},
          {"weight", edge.weight}};
}

/// The settings of a queue; beside the first four only those that are not the default.
Json queue_json(const queue::QueueSpec& queue, const queue::WiringPlan& plan) {
  const queue::QueueSpec usual;
  Json json = {{"type", type_name(queue, plan)},
               {"capacity", queue.capacity},
               {"bytes", queue.bytes.count},
               {"overflow", queue::to_string(queue.overflow)}};
  const auto add = [&](const char* name, const auto& value, const auto& usual_value) {
    if (value != usual_value) json[name] = value;
  };
  const auto add_time = [&](const char* name, Duration time) { add(name, time.count(), 0); };
  if (queue.type == queue::QueueType::kPriority) json["levels"] = queue.levels;
  if (queue.type == queue::QueueType::kDeadline) {
    json["late"] = queue.drop_late ? "drop" : "deliver";
  }
  add_time("ttl_ns", queue.time_to_live);
  add_time("interval_ns", queue.interval);
  add_time("latency_ns", queue.link.latency);
  add_time("jitter_ns", queue.link.jitter);
  add("bits_per_second", queue.link.bits_per_second, usual.link.bits_per_second);
  add("loss", queue.link.loss_ppb / 1e9, 0.0);
  if (queue.link.loss_ppb > 0 || queue.link.jitter.count() > 0) json["seed"] = queue.link.seed;
  add("codecs", codec_names(queue, plan), std::vector<std::string>());
  add("transport", queue::to_string(queue.transport), queue::to_string(usual.transport));
  return json;
}

/// Nothing stands for programs outside.
Json end_json(std::uint32_t task) {
  return task == queue::kOutside ? Json() : Json(task);
}

/// Queues by the channel's id, once each although both machines of a channel know it.
Json channels_json(const Plan& plan) {
  Json all = Json::array();
  for (const auto& machine : plan.wiring) {
    for (const auto& channel : machine.channels) {
      if (channel.sender_machine != machine.machine || is_hidden(channel)) continue;
      Json json = {{"id", channel.id},
                   {"from", channel.sender_port},
                   {"to", channel.receiver_port},
                   {"sender", end_json(channel.sender)},
                   {"receivers", Json::array()}};
      for (const auto receiver : channel.receivers) json["receivers"].push_back(end_json(receiver));
      json.update(queue_json(channel.queue, machine));
      all.push_back(std::move(json));
    }
  }
  return all;
}

/// The ports that programs outside can use.
Json outside_json(const Plan& plan) {
  Json all = Json::array();
  for (const auto& port : plan.wiring.front().outside) {
    const bool enters = port.receives.empty();
    Json json = {{"port", port.name}, {"direction", enters ? "in" : "out"}};
    if (enters) {
      Json spreads = Json::array();
      for (const auto& group : port.sends) spreads.push_back(queue::to_string(group.spread));
      json["spreads"] = std::move(spreads);
    } else {
      const auto output = std::ranges::find(plan.outputs, port.name, &OutputPort::name);
      json["linger_seconds"] = std::chrono::duration<double>(output->linger).count();
    }
    all.push_back(std::move(json));
  }
  return all;
}

/// By the team's name.
Json roots_json(const Profile& profile, const Plan& plan) {
  Json roots = Json::object();
  for (const auto& team : plan.wiring.front().teams) {
    roots[team.name] = plan.topology.vertex_name(profile, team.members[team.root]);
  }
  return roots;
}

}  // namespace

std::string plan_json(const Profile& profile, const Plan& plan) {
  Json json = {{"profile", plan.profile},
               {"group", plan.group},
               {"figures", figures_json(plan.figures)},
               {"machines", Json::array()},
               {"tasks", Json::array()},
               {"edges", Json::array()},
               {"channels", channels_json(plan)},
               {"outside", outside_json(plan)},
               {"roots", roots_json(profile, plan)}};
  for (const auto& machine : plan.machines) json["machines"].push_back(machine_json(machine));
  std::vector<std::optional<std::uint32_t>> workers(plan.topology.vertices.size());
  for (const auto& machine : plan.wiring) {
    for (const auto& task : machine.tasks) workers[task.id] = task.worker;
  }
  for (std::uint32_t v = 0; v < plan.topology.vertices.size(); ++v) {
    json["tasks"].push_back(task_json(profile, plan, v, workers[v]));
  }
  for (const auto& edge : plan.topology.edges) json["edges"].push_back(edge_json(plan, edge));
  // Port names may come from files in any encoding: replace what is not UTF-8, never throw.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mvm::model
