// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <pugixml.hpp>

#include "shapes/graph_file.hpp"

#include <mvm/model/shape.hpp>

namespace mvm::model {

namespace {

/// Walks only the children of <graph>: nothing here recurses, so depth cannot hurt.
class GraphmlReader {
 public:
  GraphmlReader(std::string_view content, const std::string& shown)
      : content_(content), shown_(shown) {}

  Result<GraphFile> read() {
    pugi::xml_document document;
    const auto parsed =
        document.load_buffer(content_.data(), content_.size(),
                             pugi::parse_default | pugi::parse_doctype, pugi::encoding_utf8);
    if (!parsed) return fail_at(parsed.offset, "not well-formed XML: ", parsed.description());
    for (const auto child : document.children()) {
      if (child.type() == pugi::node_doctype) {
        return fail_at(child.offset_debug(), "a DOCTYPE is not accepted: remove it");
      }
    }
    const auto root = document.document_element();
    const auto graph = root.child("graph");
    if (std::string_view(root.name()) != "graphml" || !graph) {
      return fail_at(root.offset_debug(), "not a GraphML file: it has no <graphml> with a <graph>");
    }
    if (graph.next_sibling("graph")) {
      return fail_at(graph.next_sibling("graph").offset_debug(),
                     "only one <graph> per file can be read");
    }
    return read_graph(graph);
  }

 private:
  Result<GraphFile> read_graph(pugi::xml_node graph) {
    const bool directed = std::string_view(graph.attribute("edgedefault").value()) == "directed";
    for (const auto child : graph.children()) {
      const std::string_view name = child.name();
      if (name == "node") {
        if (auto added = add_vertex(child); !added) return fail(added.error());
      } else if (name == "hyperedge") {
        return fail_at(child.offset_debug(), "a hyperedge cannot become a queue: use edges");
      }
    }
    for (const auto edge : graph.children("edge")) {
      if (auto added = add_edge(edge, directed); !added) return fail(added.error());
    }
    return std::move(file_);
  }

  Result<void> add_vertex(pugi::xml_node node) {
    const std::string_view id = node.attribute("id").value();
    if (id.empty()) return fail_at(node.offset_debug(), "a <node> needs an id");
    if (node.child("graph")) {
      return fail_at(node.offset_debug(), "node '", id, "' holds a nested graph: flatten it");
    }
    file_.vertex(id);
    if (file_.vertices.size() == vertices_done_) {
      return fail_at(node.offset_debug(), "a second node '", id, "'");
    }
    if (file_.vertices.size() > kMaxTasks) {
      return fail_limit(node.offset_debug(), "nodes", kMaxTasks);
    }
    vertices_done_ = file_.vertices.size();
    return {};
  }

  Result<void> add_edge(pugi::xml_node edge, bool directed) {
    const std::string_view words = edge.attribute("directed").value();
    GraphFileEdge made;
    made.directed = words.empty() ? directed : words == "true";
    made.from_port = edge.attribute("sourceport").value();
    made.to_port = edge.attribute("targetport").value();
    for (const auto& [key, end] : {std::pair{"source", &made.from}, {"target", &made.to}}) {
      const std::string_view id = edge.attribute(key).value();
      *end = file_.vertex(id);
      if (file_.vertices.size() != vertices_done_) {
        return fail_at(edge.offset_debug(), "edge with ", key, " '", id,
                       "', but there is no such node");
      }
    }
    file_.edges.push_back(std::move(made));
    if (file_.edges.size() > kMaxEdges) return fail_limit(edge.offset_debug(), "edges", kMaxEdges);
    return {};
  }

  std::unexpected<Error> fail_limit(std::ptrdiff_t offset, std::string_view what,
                                    std::uint64_t limit) const {
    return fail(ErrorCode::kLimit, shown_, ":", line_at(offset), ": more than ", limit, " ", what);
  }
  template <typename... Pieces>
  std::unexpected<Error> fail_at(std::ptrdiff_t offset, const Pieces&... pieces) const {
    return fail(ErrorCode::kInvalidProfile, shown_, ":", line_at(offset), ": ", pieces...);
  }
  std::ptrdiff_t line_at(std::ptrdiff_t offset) const {
    const auto end = std::clamp<std::ptrdiff_t>(offset, 0, std::ssize(content_));
    return 1 + std::count(content_.begin(), content_.begin() + end, '\n');
  }

  std::string_view content_;
  const std::string& shown_;
  GraphFile file_;
  std::size_t vertices_done_ = 0;
};

}  // namespace

Result<GraphFile> read_graphml(std::string_view content, const std::string& shown) {
  return GraphmlReader(content, shown).read();
}

}  // namespace mvm::model
