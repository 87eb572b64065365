// SPDX-License-Identifier: GPL-3.0-or-later
// A shape from a graph file: chooses the reader and gives names to ports that have none.
#include <algorithm>
#include <unordered_set>

#include <mvm/base/file.hpp>

#include "shapes/graph_file.hpp"
#include "shapes/shape_builder.hpp"
#include "shapes/shapes.hpp"

namespace mvm::model {

namespace {

Result<GraphFile> read_graph_file(const std::filesystem::path& path) {
  const auto extension = path.extension();
  const bool graphml = extension == ".graphml" || extension == ".xml";
  if (!graphml && extension != ".dot" && extension != ".gv") {
    return fail(ErrorCode::kUnsupported, "graph file ", path.string(),
                " has an unknown ending: .graphml, .xml, .dot and .gv are read");
  }
  const auto content = read_file(path, kMaxGraphFile);
  if (!content) return fail(content.error());
  return graphml ? read_graphml(*content, path.string()) : read_dot(*content, path.string());
}

/// Gives each end of an edge without a port the next of n0, n1, … that its vertex has not used.
class PortNamer {
 public:
  PortNamer(ShapeBuilder& builder, const GraphFile& file)
      : builder_(builder), next_(file.vertices.size(), 0) {
    for (const auto& edge : file.edges) {
      claim(edge.from, edge.from_port);
      claim(edge.to, edge.to_port);
    }
  }

  std::uint32_t operator()(std::uint32_t vertex, const std::string& name) {
    return index_of(name.empty() ? free_name(vertex) : name);
  }

 private:
  static std::string claim_key(std::uint32_t vertex, std::string_view name) {
    return text(vertex, ' ', name);
  }
  void claim(std::uint32_t vertex, const std::string& name) {
    if (!name.empty()) claimed_.insert(claim_key(vertex, name));
  }
  std::string free_name(std::uint32_t vertex) {
    std::string name;
    do {
      name = text('n', next_[vertex]++);
    } while (!claimed_.empty() && claimed_.contains(claim_key(vertex, name)));
    return name;
  }
  std::uint32_t index_of(const std::string& name) {
    const auto known = indices_.find(name);
    if (known != indices_.end()) return known->second;
    return indices_[name] = builder_.port(name);
  }

  ShapeBuilder& builder_;
  std::vector<std::uint32_t> next_;
  std::unordered_set<std::string> claimed_;
  std::unordered_map<std::string, std::uint32_t> indices_;
};

}  // namespace

Result<Shape> make_file_shape(const ShapeRequest& request) {
  const auto file = read_graph_file(request.href);
  if (!file) return fail(file.error());
  const auto shown = request.href.string();
  if (file->vertices.size() != request.count) {
    return fail(ErrorCode::kInvalidProfile, "the graph of ", shown, " has ", file->vertices.size(),
                " vertices, but there are ", request.count, " tasks: make it ",
                file->vertices.size(), " tasks");
  }
  std::vector<std::uint32_t> ends(request.count, 0);
  std::uint64_t edges = 0;
  for (const auto& edge : file->edges) {
    edges += edge.directed ? 1 : 2;
    ++ends[edge.from];
    ++ends[edge.to];
  }
  if (auto fits = check_size(text("the graph of ", shown), edges, *std::ranges::max_element(ends));
      !fits) {
    return fail(fits.error());
  }
  ShapeBuilder builder(request.count);
  PortNamer port(builder, *file);
  for (const auto& edge : file->edges) {
    const auto from_port = port(edge.from, edge.from_port);
    const auto to_port = port(edge.to, edge.to_port);
    if (edge.directed) {
      builder.one_way(edge.from, from_port, edge.to, to_port);
    } else {
      builder.two_way(edge.from, from_port, edge.to, to_port);
    }
  }
  return builder.take();
}

}  // namespace mvm::model
