// SPDX-License-Identifier: GPL-3.0-or-later
#include <nlohmann/json.hpp>

#include <mvm/model/plan.hpp>

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

Json task_json(const Profile& profile, const Plan& plan, std::uint32_t v) {
  const auto& vertex = plan.topology.vertices[v];
  Json json = {{"id", v},
               {"name", plan.topology.vertex_name(profile, v)},
               {"job", profile.jobs[vertex.job].name},
               {"index", vertex.index},
               {"coordinates", vertex.coordinates},
               {"machine", plan.machine_of[v]}};
  if (plan.core_of[v] >= 0) json["core"] = plan.core_of[v];
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

/// Queues by the channel's id, once each although both machines of a channel know it.
Json channels_json(const Plan& plan) {
  Json all = Json::array();
  for (const auto& machine : plan.wiring) {
    for (const auto& channel : machine.channels) {
      if (channel.sender_machine != machine.machine) continue;
      all.push_back({{"id", channel.id},
                     {"from", channel.sender_port},
                     {"to", channel.receiver_port},
                     {"sender", channel.sender},
                     {"receivers", channel.receivers},
                     {"type", queue::to_string(channel.queue.type)},
                     {"capacity", channel.queue.capacity},
                     {"bytes", channel.queue.bytes.count},
                     {"overflow", queue::to_string(channel.queue.overflow)}});
    }
  }
  return all;
}

}  // namespace

std::string plan_json(const Profile& profile, const Plan& plan) {
  Json json = {{"profile", plan.profile},
               {"group", plan.group},
               {"figures", figures_json(plan.figures)},
               {"machines", Json::array()},
               {"tasks", Json::array()},
               {"edges", Json::array()},
               {"channels", channels_json(plan)}};
  for (const auto& machine : plan.machines) json["machines"].push_back(machine_json(machine));
  for (std::uint32_t v = 0; v < plan.topology.vertices.size(); ++v) {
    json["tasks"].push_back(task_json(profile, plan, v));
  }
  for (const auto& edge : plan.topology.edges) json["edges"].push_back(edge_json(plan, edge));
  // Port names may come from files in any encoding: replace what is not UTF-8, never throw.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mvm::model
