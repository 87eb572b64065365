// SPDX-License-Identifier: GPL-3.0-or-later
// Shapes from GraphML and DOT files, good and bad.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <mvm/base/text.hpp>

#include "shape_graph.hpp"

namespace mvm::model {
namespace {

using End = ShapeGraph::End;

class GraphFileTest : public testing::Test {
 protected:
  GraphFileTest() {
    folder_ = std::filesystem::path(testing::TempDir()) /
              text("mvm-graph-file-", static_cast<std::uint64_t>(getpid()));
    std::filesystem::create_directories(folder_);
  }
  ~GraphFileTest() override { std::filesystem::remove_all(folder_); }

  Result<Shape> read(const std::string& name, const std::string& content, std::uint32_t count) {
    ShapeRequest request;
    request.kind = GraphKind::kFile;
    request.count = count;
    request.href = folder_ / name;
    std::ofstream(request.href, std::ios::binary) << content;
    return make_shape(request);
  }

  ShapeGraph graph(const std::string& name, const std::string& content, std::uint32_t count) {
    auto shape = read(name, content, count);
    EXPECT_TRUE(shape.has_value()) << shape.error().message;
    return ShapeGraph(shape ? *std::move(shape) : Shape{count, {}, {}, 0, {}});
  }

  /// The message without the folder: "net.dot:3: …".
  std::string refusal(const std::string& name, const std::string& content,
                      std::uint32_t count = 2) {
    const auto shape = read(name, content, count);
    if (shape) return "accepted";
    auto message = shape.error().message;
    const auto prefix = folder_.string() + "/";
    for (auto at = message.find(prefix); at != std::string::npos; at = message.find(prefix)) {
      message.erase(at, prefix.size());
    }
    return message;
  }

  std::filesystem::path folder_;
};

// ---- GraphML ----

std::string graphml(const std::string& body, const std::string& direction = "undirected") {
  return "<?xml version=\"1.0\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
         "<graph edgedefault=\"" +
         direction + "\">\n" + body + "</graph>\n</graphml>\n";
}

constexpr auto kTwoNodes = "<node id=\"a\"/>\n<node id=\"b\"/>\n";

TEST_F(GraphFileTest, GraphmlEdgesGoBothWaysUnlessDirected) {
  const auto both =
      graph("net.graphml", graphml(text(kTwoNodes, "<edge source=\"a\" target=\"b\"/>")), 2);
  EXPECT_EQ(both.behind(0, "n0"), (End{1, "n0"}));
  EXPECT_EQ(both.behind(1, "n0"), (End{0, "n0"}));
  const auto one = graph(
      "net.xml", graphml(text(kTwoNodes, "<edge source=\"b\" target=\"a\"/>"), "directed"), 2);
  EXPECT_EQ(one.behind(1, "n0"), (End{0, "n0"}));
  EXPECT_FALSE(one.behind(0, "n0"));
  const auto mixed = graph(
      "net.xml",
      graphml(text(kTwoNodes, "<edge source=\"b\" target=\"a\" directed=\"false\"/>"), "directed"),
      2);
  EXPECT_EQ(mixed.behind(0, "n0"), (End{1, "n0"}));
}

TEST_F(GraphFileTest, GraphmlPortsKeepTheirNames) {
  const auto made = graph("net.graphml",
                          graphml(text(kTwoNodes,
                                       "<edge source=\"a\" sourceport=\"n0\" target=\"b\" "
                                       "targetport=\"up\"/><edge source=\"a\" target=\"b\"/>")),
                          2);
  EXPECT_EQ(made.behind(0, "n0"), (End{1, "up"}));
  EXPECT_EQ(made.behind(0, "n1"), (End{1, "n0"}));  // n0 is taken at a, not at b
}

TEST_F(GraphFileTest, GraphmlNodesAreNumberedAsTheyAppearAndDataIsPassedOver) {
  const auto made =
      graph("net.graphml",
            graphml("<node id=\"late\"><data key=\"k\">1</data></node>\n<node id=\"early\"/>\n"
                    "<node id=\"mid\"/><edge source=\"early\" target=\"mid\"/>"),
            3);
  EXPECT_EQ(made.neighbours(1), std::set<std::uint32_t>{2});
  EXPECT_TRUE(made.neighbours(0).empty());
}

TEST_F(GraphFileTest, BadGraphmlIsRefusedWithItsLine) {
  EXPECT_EQ(refusal("a.graphml", "<graphml>\n<graph>\n</graphml>"),
            "a.graphml:3: not well-formed XML: Start-end tags mismatch");
  EXPECT_EQ(refusal("a.graphml", ""),
            "a.graphml:1: not well-formed XML: No document element found");
  EXPECT_EQ(refusal("a.graphml", "<svg/>"),
            "a.graphml:1: not a GraphML file: it has no <graphml> with a <graph>");
  EXPECT_EQ(refusal("a.graphml", graphml(text(kTwoNodes, "<edge source=\"a\" target=\"c\"/>"))),
            "a.graphml:6: edge with target 'c', but there is no such node");
  EXPECT_EQ(refusal("a.graphml", graphml("<node id=\"a\"/>\n<node id=\"a\"/>")),
            "a.graphml:5: a second node 'a'");
  EXPECT_EQ(refusal("a.graphml", graphml("\n<node/>")), "a.graphml:5: a <node> needs an id");
  EXPECT_EQ(refusal("a.graphml", graphml("<node id=\"a\"><graph/></node>")),
            "a.graphml:4: node 'a' holds a nested graph: flatten it");
  EXPECT_EQ(refusal("a.graphml", graphml("<hyperedge/>")),
            "a.graphml:4: a hyperedge cannot become a queue: use edges");
  EXPECT_EQ(refusal("a.graphml", graphml("</graph><graph>")),
            "a.graphml:4: only one <graph> per file can be read");
  EXPECT_EQ(
      refusal("a.graphml", "<!DOCTYPE graphml [<!ENTITY a \"b\">]>\n<graphml><graph/></graphml>"),
      "a.graphml:1: a DOCTYPE is not accepted: remove it");
}

TEST_F(GraphFileTest, AMillionNestedElementsDoNoHarm) {
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
  EXPECT_EQ(refusal("deep.graphml", deep).substr(0, 36), "deep.graphml:1: not well-formed XML:");
}

// ---- DOT ----

TEST_F(GraphFileTest, DotReadsChainsPortsAndComments) {
  const auto made = graph("net.dot", R"(/* a small
     network */
digraph "my net" {
  rankdir = LR;           // a setting of the drawing
  node [shape=box, fontsize=9]
# a line for the preprocessor
  "first one" -> b:up -> c:in:nw [color=red];
  c -> "first one" [tailport=back; headport="home"]
  d
})",
                          4);
  EXPECT_EQ(made.behind(0, "n0"), (End{1, "up"}));
  EXPECT_EQ(made.behind(1, "up"), (End{2, "in"}));
  EXPECT_EQ(made.behind(2, "back"), (End{0, "home"}));
  EXPECT_TRUE(made.neighbours(3).empty());
}

TEST_F(GraphFileTest, DotEdgesOfAGraphGoBothWays) {
  const auto made = graph("net.gv", "graph { subgraph cluster_1 { a; b -- c } a -- b }", 3);
  EXPECT_EQ(made.neighbours(1), (std::set<std::uint32_t>{0, 2}));
  EXPECT_EQ(made.behind(2, "n0"), (End{1, "n0"}));
  EXPECT_EQ(made.behind(0, "n0"), (End{1, "n1"}));
}

TEST_F(GraphFileTest, BadDotIsRefusedWithItsLine) {
  EXPECT_EQ(refusal("a.dot", ""),
            "a.dot:1: expected 'graph' or 'digraph' (found the end of the file)");
  EXPECT_EQ(refusal("a.dot", "graph {\n a -> b }"),
            "a.dot:2: a graph's edges are written -- (found '->')");
  EXPECT_EQ(refusal("a.dot", "digraph {\n a -- b }"),
            "a.dot:2: a digraph's edges are written -> (found '--')");
  EXPECT_EQ(refusal("a.dot", "graph {\n\n a --"),
            "a.dot:3: expected a node's name (found the end of the file)");
  EXPECT_EQ(refusal("a.dot", "graph { a [x=1"),
            "a.dot:1: expected an attribute or ']' (found the end of the file)");
  EXPECT_EQ(refusal("a.dot", "graph { a [x] }"),
            "a.dot:1: expected '=' and the attribute's value (found ']')");
  EXPECT_EQ(refusal("a.dot", "strict graph { a }"),
            "a.dot:1: 'strict' is not read: remove it, and edges that are there twice (found "
            "'strict')");
  EXPECT_EQ(refusal("a.dot", "graph { a -- { b c } }"),
            "a.dot:1: an edge to a group is not read: write one edge per node (found '{')");
  EXPECT_EQ(refusal("a.dot", "graph { { b c } -- a }"),
            "a.dot:1: an edge to a group is not read: write one edge per node (found '--')");
  EXPECT_EQ(refusal("a.dot", "graph { edge [headport=x] a -- b }"),
            "a.dot:1: ports as a default are not read: write them at each edge (found 'a')");
  EXPECT_EQ(refusal("a.dot", "graph { a [label=<b>] }"),
            "a.dot:1: expected the attribute's value (found '<')");
  EXPECT_EQ(
      refusal("a.dot", "graph { \"a }"),
      "a.dot:1: expected a node, an edge or '}' (found 'a string without its closing quote')");
  EXPECT_EQ(refusal("a.dot", "graph { a } b"), "a.dot:1: expected the end of the file (found 'b')");
}

TEST_F(GraphFileTest, AMillionBracesDoNoHarm) {
  EXPECT_EQ(refusal("deep.dot", "graph " + std::string(1'000'000, '{')),
            "deep.dot:1: expected a node, an edge or '}' (found the end of the file)");
  EXPECT_EQ(refusal("deep.dot", "graph { a b " + std::string(1'000'000, '{') +
                                    std::string(1'000'000, '}') + "}"),
            "accepted");
}

// ---- any file ----

TEST_F(GraphFileTest, TheCountMustBeThatOfTheFile) {
  EXPECT_EQ(refusal("a.dot", "graph { a -- b }", 5),
            "the graph of a.dot has 2 vertices, but there are 5 tasks: make it 2 tasks");
}

TEST_F(GraphFileTest, OtherEndingsAreRefused) {
  EXPECT_EQ(refusal("a.txt", "graph { a -- b }"),
            "graph file a.txt has an unknown ending: .graphml, .xml, .dot and .gv are read");
}

TEST_F(GraphFileTest, AMissingFileIsNotFound) {
  ShapeRequest request;
  request.kind = GraphKind::kFile;
  request.count = 2;
  request.href = folder_ / "missing.dot";
  const auto shape = make_shape(request);
  ASSERT_FALSE(shape.has_value());
  EXPECT_EQ(shape.error().code, ErrorCode::kNotFound);
}

/// Any cut and any changed byte of a good file is read or refused, and never crashes.
TEST_F(GraphFileTest, DamagedFilesAreReadOrRefused) {
  const std::string dot = "digraph g { a:x -> \"b\" [k=v]; subgraph s { c } /* d */ }";
  const std::string xml = graphml(text(kTwoNodes, "<edge source=\"a\" target=\"b\"/>"));
  for (const auto& [name, good] : {std::pair{"a.dot", dot}, {"a.graphml", xml}}) {
    for (std::size_t i = 0; i < good.size(); ++i) {
      EXPECT_FALSE(refusal(name, good.substr(0, i), 3).empty());
      for (const char byte : {'\0', '"', '{', '}', '<', '>', '[', ':', '-', '\xff'}) {
        auto bad = good;
        bad[i] = byte;
        EXPECT_FALSE(refusal(name, bad, 3).empty());
      }
    }
  }
}

}  // namespace
}  // namespace mvm::model
