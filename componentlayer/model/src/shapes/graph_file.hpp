// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <mvm/base/result.hpp>

namespace mvm::model {

/// One edge as a graph file tells it. A port that the file does not name is empty.
struct GraphFileEdge {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  bool directed = false;
  std::string from_port;
  std::string to_port;
};

/// What is read from a GraphML or DOT file. Vertices are numbered as they appear in it.
struct GraphFile {
  std::vector<std::string> vertices;
  std::vector<GraphFileEdge> edges;

  /// The number of a vertex, which is added when it is new.
  std::uint32_t vertex(std::string_view name) {
    const auto next = static_cast<std::uint32_t>(vertices.size());
    const auto [known, added] = numbers.try_emplace(std::string(name), next);
    if (added) vertices.emplace_back(name);
    return known->second;
  }
  std::unordered_map<std::string, std::uint32_t> numbers;  ///< by name
};

/// `shown` names the file in messages, which begin with file:line. The content is taken as
/// hostile. Errors: kInvalidProfile for what cannot be read; kLimit over kMaxEdges or kMaxTasks.
///
/// GraphML: one <graph> of <node> and <edge>, directed or not, ports by sourceport and targetport.
/// Attributes in <data> are passed over; nested graphs and hyperedges are refused.
[[nodiscard]] Result<GraphFile> read_graphml(std::string_view content, const std::string& shown);

/// DOT: `graph` or `digraph` with nodes, edges, chains of edges and attributes; ports as `a:port`,
/// or by tailport and headport. Braces only group statements; an edge to a group, `strict` and
/// HTML strings are refused.
[[nodiscard]] Result<GraphFile> read_dot(std::string_view content, const std::string& shown);

}  // namespace mvm::model
