// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include <mvm/model/plan.hpp>

#include "channel_runs.hpp"
#include "queue_words.hpp"

namespace mvm::model {

namespace {

/// Up to here port names at the edge ends can be read.
constexpr std::size_t kMostLabelledEdges = 200;

/// Pale enough for black letters; told apart by the colour-blind (Paul Tol's light scheme).
constexpr std::array<std::string_view, 8> kJobColours = {
    "#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#dddddd"};

std::string dot_string(std::string_view words) {
  std::string out = "\"";
  for (const char c : words) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string vertex_line(const Profile& profile, const Plan& plan, std::uint32_t v) {
  const auto colour = kJobColours[plan.topology.vertices[v].job % kJobColours.size()];
  const auto core = plan.core_of[v] < 0 ? "" : text(", tooltip=\"core ", plan.core_of[v], "\"");
  return text("    t", v, " [label=", dot_string(plan.topology.vertex_name(profile, v)),
              ", fillcolor=\"", colour, "\"", core, "];\n");
}

std::string machine_cluster(const Profile& profile, const Plan& plan, std::size_t m) {
  const auto& machine = plan.machines[m];
  std::string out =
      text("  subgraph cluster_", m,
           " {\n    label=", dot_string(text(machine.name, " (", machine.kind, ")")), ";\n");
  for (const auto& task : plan.wiring[m].tasks) out += vertex_line(profile, plan, task.id);
  return out + "  }\n";
}

/// What is special about the queue of each edge, between tasks and then to the outside.
struct EdgeWords {
  std::vector<std::string> edges;
  std::vector<std::string> open_edges;
};

EdgeWords edge_words(const Plan& plan) {
  const auto queues = queues_by_id(plan);
  std::uint64_t id = 0;
  EdgeWords words;
  const auto visit = [&](std::vector<std::string>& all) {
    return [&](auto run) {
      all.resize(all.size() + run.size(), special_words(*queues[id++], plan.wiring.front()));
    };
  };
  for_each_channel(plan.topology, visit(words.edges), visit(words.open_edges));
  return words;
}

/// Two edges back and forth between the same two ports, drawn as one line with two heads when their
/// queues are alike.
struct Line {
  Edge edge;
  std::string words;  ///< about the queue
  bool both_ways = false;
};

std::vector<Line> lines_of(const Topology& topology, const std::vector<std::string>& words) {
  using Ends = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;
  std::map<Ends, std::size_t> waiting;  // one-way lines by their ends
  std::vector<Line> lines;
  for (std::size_t i = 0; i < topology.edges.size(); ++i) {
    const auto& edge = topology.edges[i];
    const auto back = waiting.find({edge.to, edge.to_port, edge.from, edge.from_port});
    if (back != waiting.end() && lines[back->second].words == words[i]) {
      lines[back->second].both_ways = true;
      waiting.erase(back);
    } else {
      waiting.insert({{edge.from, edge.from_port, edge.to, edge.to_port}, lines.size()});
      lines.push_back({edge, words[i], false});
    }
  }
  return lines;
}

std::string line_words(const Plan& plan, const Line& line, bool labelled) {
  const auto& edge = line.edge;
  std::string attributes = line.both_ways ? "dir=both" : "";
  const auto add = [&](std::string_view words) {
    attributes += text(attributes.empty() ? "" : ", ", words);
  };
  if (labelled) {
    add(text("taillabel=", dot_string(plan.topology.ports[edge.from_port])));
    add(text("headlabel=", dot_string(plan.topology.ports[edge.to_port])));
    if (!line.words.empty()) add(text("label=", dot_string(line.words)));
  }
  if (edge.weight > 1) add(text("weight=", edge.weight));
  if (plan.machine_of[edge.from] != plan.machine_of[edge.to]) add("style=dashed");
  const auto list = attributes.empty() ? "" : text(" [", attributes, "]");
  return text("  t", edge.from, " -> t", edge.to, list, ";\n");
}

/// The ports open to programs outside: a frame of their own, and a line for each edge.
std::string outside_words(const Plan& plan, const std::vector<std::string>& words, bool labelled) {
  const auto& topology = plan.topology;
  if (topology.open_edges.empty()) return {};
  std::string nodes;
  std::string lines;
  std::set<std::uint32_t> drawn;
  for (std::size_t i = 0; i < topology.open_edges.size(); ++i) {
    const auto& edge = topology.open_edges[i];
    if (drawn.insert(edge.outside_port).second) {
      nodes += text("    o", edge.outside_port,
                    " [label=", dot_string(topology.ports[edge.outside_port]),
                    ", shape=cds, style=filled, fillcolor=white];\n");
    }
    const auto task = text("t", edge.task);
    const auto port = text("o", edge.outside_port);
    std::string attributes;
    if (labelled) {
      attributes = text(" [", edge.enters ? "headlabel=" : "taillabel=",
                        dot_string(topology.ports[edge.task_port]),
                        words[i].empty() ? "" : ", label=" + dot_string(words[i]), "]");
    }
    lines +=
        text("  ", edge.enters ? port : task, " -> ", edge.enters ? task : port, attributes, ";\n");
  }
  return text("  subgraph cluster_outside {\n    label=\"outside\";\n    style=dashed;\n", nodes,
              "  }\n", lines);
}

}  // namespace

std::string plan_dot(const Profile& profile, const Plan& plan) {
  std::string out = text("digraph ", dot_string(plan.profile), " {\n",
                         "  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
                         "  edge [fontname=\"sans-serif\", fontsize=9];\n");
  for (std::size_t m = 0; m < plan.machines.size(); ++m) out += machine_cluster(profile, plan, m);
  const auto words = edge_words(plan);
  const auto lines = lines_of(plan.topology, words.edges);
  const bool labelled = lines.size() + plan.topology.open_edges.size() <= kMostLabelledEdges;
  for (const auto& line : lines) out += line_words(plan, line, labelled);
  return out + outside_words(plan, words.open_edges, labelled) + "}\n";
}

}  // namespace mvm::model
