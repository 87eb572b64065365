// SPDX-License-Identifier: GPL-3.0-or-later
#include "run_graph.hpp"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include <mvm/base/text.hpp>

namespace mvm::cli {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kRed = "#cc0000";

std::string dot_string(std::string_view words) {
  std::string out = "\"";
  for (const char c : words) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// A stuck task's wait for another task, over a channel or in a collective operation.
struct StuckEdge {
  std::string waiter;
  std::string awaited;
  std::string words;
  std::uint64_t channel = 0;
  bool collective = false;
};

struct Standstill {
  std::set<std::string> stuck;
  std::vector<StuckEdge> edges;
};

void add_wait(Standstill& standstill, const std::string& task, const Json& wait) {
  const bool collective = wait.at("for") == "collective";
  for (const auto& awaited : wait.at("awaited")) {
    StuckEdge edge{
        .waiter = task, .awaited = awaited.at("task"), .words = {}, .collective = collective};
    if (collective) {
      edge.words = text(task, " waits in team ", wait.at("at").get<std::string>());
    } else {
      edge.channel = awaited.at("channel");
      const bool sends = awaited.at("for") == "send";
      edge.words = text(task, sends ? " waits to send: " : " waits to receive: ",
                        awaited.at("sent").get<std::uint64_t>(), " sent, ",
                        awaited.at("received").get<std::uint64_t>(), " received");
    }
    standstill.edges.push_back(std::move(edge));
  }
}

Standstill standstill_of(const std::string& waits_json) {
  Standstill standstill;
  if (waits_json.empty()) return standstill;
  const auto waits = Json::parse(waits_json);
  for (const auto& task : waits.at("tasks")) {
    if (task.at("condition") != "stuck") continue;
    const std::string name = task.at("task");
    standstill.stuck.insert(name);
    for (const auto& wait : task.at("waits")) add_wait(standstill, name, wait);
  }
  return standstill;
}

class RunGraph {
 public:
  RunGraph(const Json& plan, const Standstill& standstill) : plan_(plan), standstill_(standstill) {
    for (const auto& task : plan.at("tasks")) {
      names_[task.at("id")] = task.at("name");
      ids_[task.at("name")] = task.at("id");
    }
    for (const auto& channel : plan.at("channels")) from_[channel.at("id")] = channel.at("from");
  }

  std::string draw() {
    std::string out = text("digraph ", dot_string(plan_.at("profile").get<std::string>()), " {\n",
                           "  node [shape=box, style=\"rounded,filled\", fillcolor=white, "
                           "fontname=\"sans-serif\"];\n",
                           "  edge [fontname=\"sans-serif\", fontsize=9];\n");
    const auto& machines = plan_.at("machines");
    for (std::size_t m = 0; m < machines.size(); ++m) out += cluster(m, machines[m]);
    for (const auto& edge : plan_.at("edges")) out += line(edge);
    for (const auto& edge : standstill_.edges) {
      if (!edge.collective) continue;
      out += text("  t", ids_.at(edge.waiter), " -> t", ids_.at(edge.awaited),
                  " [style=dotted, constraint=false", red(edge.words), "];\n");
    }
    return out + "}\n";
  }

 private:
  std::string cluster(std::size_t number, const Json& machine) const {
    std::string out =
        text("  subgraph cluster_", number,
             " {\n    label=", dot_string(machine.at("name").get<std::string>()), ";\n");
    for (const auto& task : plan_.at("tasks")) {
      if (task.at("machine") != number) continue;
      const std::string name = task.at("name");
      const bool stuck = standstill_.stuck.contains(name);
      out += text("    t", task.at("id").get<std::uint32_t>(), " [label=", dot_string(name),
                  stuck ? text(", color=\"", kRed, "\", penwidth=3") : "", "];\n");
    }
    return out + "  }\n";
  }

  static std::string red(std::string_view words) {
    return text(", color=\"", kRed, "\", fontcolor=\"", kRed,
                "\", penwidth=2, label=", dot_string(words));
  }

  std::string line(const Json& edge) const {
    const std::uint32_t from = edge.at("from");
    const std::uint32_t to = edge.at("to");
    const std::string from_port = edge.at("from_port");
    const std::string to_port = edge.at("to_port");
    std::string words;
    for (const auto& wait : standstill_.edges) {
      if (!wait.collective && is_at(wait, from, to, from_port)) {
        words += text(words.empty() ? "" : "\n", wait.words);
      }
    }
    return text("  t", from, " -> t", to, " [taillabel=", dot_string(from_port),
                ", headlabel=", dot_string(to_port), words.empty() ? "" : red(words), "];\n");
  }

  /// A receiver waits for the sender, a sender for the receiver.
  bool is_at(const StuckEdge& wait, std::uint32_t from, std::uint32_t to,
             const std::string& from_port) const {
    const auto channel = from_.find(wait.channel);
    if (channel == from_.end() || channel->second != text(names_.at(from), '.', from_port)) {
      return false;
    }
    const std::pair ends(names_.at(from), names_.at(to));
    return ends == std::pair(wait.awaited, wait.waiter) ||
           ends == std::pair(wait.waiter, wait.awaited);
  }

  const Json& plan_;
  const Standstill& standstill_;
  std::map<std::uint32_t, std::string> names_;
  std::map<std::string, std::uint32_t> ids_;
  std::map<std::uint64_t, std::string> from_;  ///< sending end of each channel
};

}  // namespace

Result<std::string> run_dot(const std::string& plan_json, const std::string& waits_json) {
  try {
    const auto plan = Json::parse(plan_json);
    const auto standstill = standstill_of(waits_json);
    return RunGraph(plan, standstill).draw();
  } catch (const std::exception& error) {  // of the JSON library, or a task that is not in the plan
    return fail(ErrorCode::kSystem,
                "this plan or these waits are broken, or of another release: ", error.what());
  }
}

}  // namespace mvm::cli
