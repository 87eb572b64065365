// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <tuple>

#include <mvm/model/plan.hpp>

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

/// Two edges back and forth between the same two ports, drawn as one line with two heads.
struct Line {
  Edge edge;
  bool both_ways = false;
};

std::vector<Line> lines_of(const Topology& topology) {
  using Ends = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;
  std::map<Ends, std::size_t> waiting;  // one-way lines by their ends
  std::vector<Line> lines;
  for (const auto& edge : topology.edges) {
    const auto back = waiting.find({edge.to, edge.to_port, edge.from, edge.from_port});
    if (back != waiting.end()) {
      lines[back->second].both_ways = true;
      waiting.erase(back);
    } else {
      waiting.insert({{edge.from, edge.from_port, edge.to, edge.to_port}, lines.size()});
      lines.push_back({edge, false});
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
  }
  if (edge.weight > 1) add(text("weight=", edge.weight));
  if (plan.machine_of[edge.from] != plan.machine_of[edge.to]) add("style=dashed");
  const auto list = attributes.empty() ? "" : text(" [", attributes, "]");
  return text("  t", edge.from, " -> t", edge.to, list, ";\n");
}

}  // namespace

std::string plan_dot(const Profile& profile, const Plan& plan) {
  std::string out = text("digraph ", dot_string(plan.profile), " {\n",
                         "  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
                         "  edge [fontname=\"sans-serif\", fontsize=9];\n");
  for (std::size_t m = 0; m < plan.machines.size(); ++m) out += machine_cluster(profile, plan, m);
  const auto lines = lines_of(plan.topology);
  const bool labelled = lines.size() <= kMostLabelledEdges;
  for (const auto& line : lines) out += line_words(plan, line, labelled);
  return out + "}\n";
}

}  // namespace mvm::model
