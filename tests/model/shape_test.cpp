// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/shape.hpp>

#include <gtest/gtest.h>

#include <bit>
#include <numeric>

#include "shape_graph.hpp"

namespace mvm::model {
namespace {

ShapeRequest request(GraphKind kind, std::uint32_t count) {
  ShapeRequest made;
  made.kind = kind;
  made.count = count;
  return made;
}

ShapeGraph graph_of(const ShapeRequest& wanted) {
  auto shape = make_shape(wanted);
  EXPECT_TRUE(shape.has_value()) << shape.error().message;
  return ShapeGraph(shape ? *std::move(shape) : Shape{});
}

ShapeGraph grid(GraphKind kind, std::vector<std::uint32_t> dims) {
  auto wanted = request(kind, std::accumulate(dims.begin(), dims.end(), 1u, std::multiplies<>()));
  wanted.dims = std::move(dims);
  return graph_of(wanted);
}

ShapeGraph random_regular(std::uint32_t count, std::uint32_t degree, std::uint64_t seed) {
  auto wanted = request(GraphKind::kRandomRegular, count);
  wanted.degree = degree;
  wanted.seed = seed;
  return graph_of(wanted);
}

std::string refusal(const ShapeRequest& wanted) {
  const auto shape = make_shape(wanted);
  return shape ? "" : shape.error().message;
}

using End = ShapeGraph::End;
using Names = std::set<std::string>;

// ---- what holds for every shape ----

struct Sample {
  std::string name;
  ShapeRequest wanted;
  bool two_way = true;
};

std::vector<Sample> samples() {
  std::vector<Sample> all;
  for (const std::uint32_t count : {1, 2, 3, 4, 7, 8, 16, 31}) {
    for (const auto kind : {GraphKind::kLine, GraphKind::kRing, GraphKind::kStar, GraphKind::kTree,
                            GraphKind::kMesh, GraphKind::kTorus, GraphKind::kComplete}) {
      all.push_back({text(to_string(kind), count), request(kind, count)});
    }
    all.push_back({text("pipeline", count), request(GraphKind::kPipeline, count), false});
    if (std::has_single_bit(count)) {
      all.push_back({text("hypercube", count), request(GraphKind::kHypercube, count)});
    }
    if (count > 1) all.push_back({text("bipartite", count), request(GraphKind::kBipartite, count)});
    if (count >= 4 && count % 2 == 0) {
      all.push_back({text("regular", count), request(GraphKind::kRandomRegular, count)});
    }
  }
  for (const std::uint32_t count : {4, 12, 32}) {
    all.push_back({text("butterfly", count), request(GraphKind::kButterfly, count), false});
  }
  for (const std::vector<std::uint32_t>& dims :
       {std::vector<std::uint32_t>{5}, {2, 2}, {1, 1, 1}, {3, 1, 2}, {2, 3, 4}, {2, 2, 2, 2, 3}}) {
    for (const auto kind : {GraphKind::kMesh, GraphKind::kTorus}) {
      auto wanted =
          request(kind, std::accumulate(dims.begin(), dims.end(), 1u, std::multiplies<>()));
      wanted.dims = dims;
      std::string name(to_string(kind));
      for (const auto size : dims) name += text("_", size);
      all.push_back({name, wanted});
    }
  }
  return all;
}

TEST(EveryShape, HasAtMostOneEdgePerPortAndDirection) {
  for (const auto& sample : samples()) {
    SCOPED_TRACE(sample.name);
    const auto shape = graph_of(sample.wanted).shape();
    std::set<std::pair<std::uint32_t, std::uint32_t>> senders;
    std::set<std::pair<std::uint32_t, std::uint32_t>> receivers;
    for (const auto& edge : shape.edges) {
      ASSERT_LT(std::max(edge.from, edge.to), shape.count);
      ASSERT_LT(std::max(edge.from_port, edge.to_port), shape.ports.size());
      EXPECT_TRUE(senders.insert({edge.from, edge.from_port}).second);
      EXPECT_TRUE(receivers.insert({edge.to, edge.to_port}).second);
    }
  }
}

TEST(EveryShape, AnswersThroughThePortOfTheQuestionWhenTwoWay) {
  for (const auto& sample : samples()) {
    SCOPED_TRACE(sample.name);
    const auto graph = graph_of(sample.wanted);
    for (const auto& edge : graph.shape().edges) {
      const auto back = graph.behind(edge.to, graph.shape().ports[edge.to_port]);
      const End here{edge.from, graph.shape().ports[edge.from_port]};
      EXPECT_EQ(back, sample.two_way ? std::optional(here) : std::nullopt);
    }
  }
}

TEST(EveryShape, NamesEachPortOnce) {
  for (const auto& sample : samples()) {
    SCOPED_TRACE(sample.name);
    const auto ports = graph_of(sample.wanted).shape().ports;
    EXPECT_EQ(Names(ports.begin(), ports.end()).size(), ports.size());
  }
}

TEST(EveryShape, IsConnected) {
  for (const auto& sample : samples()) {
    SCOPED_TRACE(sample.name);
    EXPECT_TRUE(graph_of(sample.wanted).connected());
  }
}

TEST(Shapes, AreAllRegisteredUnderTheirWord) {
  EXPECT_EQ(graph_kind_words().size(), 13u);
  for (const auto& word : graph_kind_words()) {
    const auto kind = parse_graph_kind(word);
    ASSERT_TRUE(kind.has_value());
    EXPECT_EQ(to_string(*kind), word);
  }
  EXPECT_FALSE(parse_graph_kind("thorus").has_value());
}

TEST(Shapes, RefuseNoVertices) {
  for (const auto& word : graph_kind_words()) {
    EXPECT_EQ(refusal(request(*parse_graph_kind(word), 0)),
              "a " + word + " needs at least one task");
  }
}

// ---- chains ----

TEST(Pipeline, GoesOneWay) {
  const auto graph = graph_of(request(GraphKind::kPipeline, 4));
  EXPECT_EQ(graph.shape().edges.size(), 3u);
  for (std::uint32_t v = 0; v < 3; ++v) EXPECT_EQ(graph.behind(v, "out"), (End{v + 1, "in"}));
  EXPECT_FALSE(graph.behind(3, "out"));
}

TEST(Line, HasNoPortAtItsEnds) {
  const auto graph = graph_of(request(GraphKind::kLine, 5));
  EXPECT_EQ(graph.sending_ports(0), Names{"right"});
  EXPECT_EQ(graph.sending_ports(2), (Names{"left", "right"}));
  EXPECT_EQ(graph.sending_ports(4), Names{"left"});
  EXPECT_EQ(graph.behind(2, "right"), (End{3, "left"}));
  EXPECT_EQ(graph.diameter(), 4u);
}

TEST(Ring, LeadsAround) {
  for (std::uint32_t count = 1; count < 20; ++count) {
    const auto graph = graph_of(request(GraphKind::kRing, count));
    EXPECT_EQ(graph.shape().edges.size(), 2 * count);
    for (std::uint32_t v = 0; v < count; ++v) {
      EXPECT_EQ(graph.behind(v, "next"), (End{(v + 1) % count, "prev"}));
    }
    EXPECT_EQ(graph.diameter(), count / 2);
  }
}

// ---- roots ----

TEST(Star, JoinsEachLeafToTheHub) {
  const auto graph = graph_of(request(GraphKind::kStar, 6));
  EXPECT_EQ(graph.sending_ports(0), (Names{"leaf0", "leaf1", "leaf2", "leaf3", "leaf4"}));
  for (std::uint32_t k = 0; k < 5; ++k) {
    EXPECT_EQ(graph.behind(0, text("leaf", k)), (End{k + 1, "hub"}));
    EXPECT_EQ(graph.sending_ports(k + 1), Names{"hub"});
  }
  EXPECT_EQ(graph.diameter(), 2u);
}

TEST(Star, RefusesMoreLeavesThanATaskHasPorts) {
  EXPECT_EQ(refusal(request(GraphKind::kStar, 65'538)),
            "a star of 65538 gives one task 65537 ports; a task has at most 65536: use fewer "
            "tasks or a sparser shape");
  EXPECT_TRUE(make_shape(request(GraphKind::kStar, 65'537)).has_value());
}

TEST(Tree, IsInHeapOrder) {
  auto wanted = request(GraphKind::kTree, 13);
  wanted.arity = 3;
  const auto graph = graph_of(wanted);
  EXPECT_EQ(graph.shape().edges.size(), 2u * 12);
  EXPECT_EQ(graph.behind(0, "child2"), (End{3, "parent"}));
  EXPECT_EQ(graph.behind(12, "parent"), (End{3, "child2"}));
  EXPECT_FALSE(graph.behind(0, "parent"));
  EXPECT_EQ(graph.diameter(), 4u);
}

TEST(Tree, MayHaveAnIncompleteLastLevel) {
  const auto graph = graph_of(request(GraphKind::kTree, 4));
  EXPECT_EQ(graph.sending_ports(1), (Names{"parent", "child0"}));
  EXPECT_EQ(graph.sending_ports(2), Names{"parent"});
}

TEST(Tree, RefusesArityZero) {
  auto wanted = request(GraphKind::kTree, 4);
  wanted.arity = 0;
  EXPECT_EQ(refusal(wanted), "a tree of arity 0 has no edges: arity is at least 1 (1 is a line)");
}

// ---- grids ----

TEST(Mesh, HasNoPortAtItsBorder) {
  const auto graph = grid(GraphKind::kMesh, {3, 2});
  EXPECT_EQ(graph.sending_ports(0), (Names{"x+", "y+"}));
  EXPECT_EQ(graph.sending_ports(1), (Names{"x-", "x+", "y+"}));
  EXPECT_EQ(graph.sending_ports(5), (Names{"x-", "y-"}));
  EXPECT_EQ(graph.behind(1, "x+"), (End{2, "x-"}));
  EXPECT_EQ(graph.behind(1, "y+"), (End{4, "y-"}));
  EXPECT_EQ(graph.diameter(), 3u);
}

TEST(Torus, WrapsAround) {
  const auto graph = grid(GraphKind::kTorus, {4, 3});
  for (std::uint32_t y = 0; y < 3; ++y) {
    for (std::uint32_t x = 0; x < 4; ++x) {
      const auto v = x + 4 * y;
      EXPECT_EQ(graph.shape().coordinates(v), (std::vector{x, y}));
      EXPECT_EQ(graph.behind(v, "x+"), (End{(x + 1) % 4 + 4 * y, "x-"}));
      EXPECT_EQ(graph.behind(v, "y+"), (End{x + 4 * ((y + 1) % 3), "y-"}));
    }
  }
  EXPECT_EQ(graph.diameter(), 3u);
}

TEST(Torus, NamesFurtherDimensionsByNumber) {
  const auto graph = grid(GraphKind::kTorus, {3, 3, 3, 3});
  EXPECT_EQ(graph.sending_ports(40), (Names{"x-", "x+", "y-", "y+", "z-", "z+", "d3-", "d3+"}));
  EXPECT_EQ(graph.behind(0, "d3-"), (End{54, "d3+"}));
  EXPECT_EQ(graph.diameter(), 4u);
}

TEST(Torus, OfSizeOneLeadsToItselfAndOfSizeTwoTwiceToTheOther) {
  const auto graph = grid(GraphKind::kTorus, {2, 1});
  EXPECT_EQ(graph.behind(0, "x+"), (End{1, "x-"}));
  EXPECT_EQ(graph.behind(0, "x-"), (End{1, "x+"}));
  EXPECT_EQ(graph.behind(0, "y+"), (End{0, "y-"}));
  EXPECT_EQ(graph.behind(0, "y-"), (End{0, "y+"}));
  EXPECT_EQ(graph.shape().edges.size(), 8u);
}

TEST(Grid, WithoutDimsIsAsSquareAsTheCountAllows) {
  for (const auto& [count, last] :
       {std::pair{16u, std::vector{3u, 3u}}, {12u, {3u, 2u}}, {7u, {6u, 0u}}, {1u, {0u, 0u}}}) {
    const auto shape = make_shape(request(GraphKind::kMesh, count));
    ASSERT_TRUE(shape.has_value());
    EXPECT_EQ(shape->coordinates(count - 1), last);
  }
}

TEST(Grid, SaysWhichCountOrDimsWouldFit) {
  auto wanted = request(GraphKind::kTorus, 10);
  wanted.dims = {4, 3};
  EXPECT_EQ(refusal(wanted),
            "a torus with dims=\"4 3\" has 12 vertices, but there are 10 tasks: make it 12 tasks "
            "or, for example, dims=\"5 2\"");
  wanted.dims = {0, 3};
  EXPECT_EQ(refusal(wanted), "dims=\"0 3\": each dimension is at least 1");
  wanted.dims.assign(33, 1);
  EXPECT_EQ(refusal(wanted), "a torus of 33 dimensions; at most 32 are possible");
}

// ---- networks ----

TEST(Hypercube, JoinsVerticesThatDifferInOneBit) {
  for (std::uint32_t dimensions = 0; dimensions <= 6; ++dimensions) {
    const auto graph = graph_of(request(GraphKind::kHypercube, 1u << dimensions));
    for (std::uint32_t v = 0; v < 1u << dimensions; ++v) {
      for (std::uint32_t k = 0; k < dimensions; ++k) {
        EXPECT_EQ(graph.behind(v, text('d', k)), (End{v ^ 1u << k, text('d', k)}));
        EXPECT_EQ(graph.shape().coordinates(v)[k], v >> k & 1);
      }
      EXPECT_EQ(graph.sending_ports(v).size(), dimensions);
    }
    EXPECT_EQ(graph.diameter(), dimensions);
  }
}

TEST(Hypercube, SaysWhichCountsWouldFit) {
  EXPECT_EQ(refusal(request(GraphKind::kHypercube, 12)),
            "a hypercube has a power of two of vertices, not 12: 8 or 16 would fit");
}

TEST(Butterfly, HasOnePathFromEachSourceToEachSink) {
  for (std::uint32_t stages = 1; stages <= 5; ++stages) {
    const auto rows = 1u << stages;
    auto wanted = request(GraphKind::kButterfly, (stages + 1) * rows);
    wanted.stages = stages;
    const auto graph = graph_of(wanted);
    EXPECT_EQ(graph.shape().edges.size(), 2u * stages * rows);
    for (std::uint32_t row = 0; row < rows; ++row) {
      // The number of paths to each vertex of the next rank is that of its two ancestors together.
      std::vector<std::uint32_t> paths(wanted.count, 0);
      paths[row] = 1;
      for (std::uint32_t v = 0; v < stages * rows; ++v) {
        for (const auto next : graph.neighbours(v)) paths[next] += paths[v];
      }
      for (auto sink = stages * rows; sink < wanted.count; ++sink) EXPECT_EQ(paths[sink], 1u);
    }
  }
}

TEST(Butterfly, GoesStraightByOut0AndAcrossByOut1) {
  const auto graph = graph_of(request(GraphKind::kButterfly, 12));  // 2 stages of 4 rows
  EXPECT_EQ(graph.behind(1, "out0"), (End{5, "in0"}));
  EXPECT_EQ(graph.behind(1, "out1"), (End{4, "in1"}));
  EXPECT_EQ(graph.behind(5, "out0"), (End{9, "in0"}));
  EXPECT_EQ(graph.behind(5, "out1"), (End{11, "in1"}));
  EXPECT_TRUE(graph.sending_ports(9).empty());
  EXPECT_EQ(graph.shape().coordinates(7), (std::vector{1u, 3u}));
}

TEST(Butterfly, SaysWhichCountsWouldFit) {
  auto wanted = request(GraphKind::kButterfly, 16);
  EXPECT_EQ(refusal(wanted),
            "a butterfly has (stages + 1) * 2^stages vertices, not 16: 12 or 32 would fit");
  wanted.stages = 4;
  EXPECT_EQ(refusal(wanted),
            "a butterfly of 4 stages has 80 vertices, but there are 16 tasks: make it 80 tasks, or "
            "leave stages= out");
  wanted.stages = 99;
  EXPECT_EQ(refusal(wanted), "a butterfly of 99 stages has more vertices than there can be tasks");
}

// ---- neighbours by number ----

TEST(Complete, NumbersNeighboursInOrder) {
  const auto graph = graph_of(request(GraphKind::kComplete, 4));
  EXPECT_EQ(graph.behind(2, "n0"), (End{0, "n1"}));
  EXPECT_EQ(graph.behind(2, "n1"), (End{1, "n1"}));
  EXPECT_EQ(graph.behind(2, "n2"), (End{3, "n2"}));
  EXPECT_EQ(graph.diameter(), 1u);
}

TEST(Complete, RefusesTooManyEdgesBeforeItMakesThem) {
  EXPECT_EQ(refusal(request(GraphKind::kComplete, 10'000)),
            "a complete graph of 10000 has 99990000 edges; a topology has at most 10000000: use "
            "fewer tasks or a sparser shape");
}

TEST(Bipartite, JoinsEachOfOneSideToEachOfTheOther) {
  auto wanted = request(GraphKind::kBipartite, 5);
  wanted.first_part = 2;
  const auto graph = graph_of(wanted);
  EXPECT_EQ(graph.neighbours(0), (std::set<std::uint32_t>{2, 3, 4}));
  EXPECT_EQ(graph.neighbours(4), (std::set<std::uint32_t>{0, 1}));
  EXPECT_EQ(graph.behind(1, "n2"), (End{4, "n1"}));
  EXPECT_EQ(refusal(request(GraphKind::kBipartite, 1)),
            "a bipartite graph has two sides, but all 1 tasks are on the first: give it two jobs, "
            "or more tasks");
}

TEST(RandomRegular, IsSimpleRegularAndConnectedForManySeeds) {
  for (const auto& [count, degree] : {std::pair{3u, 2u},
                                      {4u, 3u},
                                      {10u, 2u},
                                      {10u, 9u},
                                      {16u, 3u},
                                      {17u, 4u},
                                      {50u, 2u},
                                      {64u, 20u},
                                      {100u, 3u}}) {
    for (std::uint64_t seed = 0; seed < 25; ++seed) {
      SCOPED_TRACE(text(count, " vertices, degree ", degree, ", seed ", seed));
      const auto graph = random_regular(count, degree, seed);
      EXPECT_EQ(graph.shape().edges.size(), std::size_t{count} * degree);
      for (std::uint32_t v = 0; v < count; ++v) {
        EXPECT_EQ(graph.neighbours(v).size(), degree);
        EXPECT_FALSE(graph.neighbours(v).contains(v));
      }
      EXPECT_TRUE(graph.connected());
    }
  }
}

TEST(RandomRegular, DependsOnItsSeedAlone) {
  EXPECT_EQ(random_regular(64, 3, 7).shape().edges, random_regular(64, 3, 7).shape().edges);
  EXPECT_NE(random_regular(64, 3, 7).shape().edges, random_regular(64, 3, 8).shape().edges);
  // Written down once: every platform must find the same.
  const auto graph = random_regular(8, 3, 1);
  EXPECT_EQ(graph.neighbours(0), (std::set<std::uint32_t>{1, 2, 6}));
}

TEST(RandomRegular, IsNotTheLatticeItStartsFrom) {
  const auto graph = random_regular(1000, 4, 1);
  std::uint32_t close = 0;
  for (std::uint32_t v = 0; v < 1000; ++v) {
    for (const auto w : graph.neighbours(v)) {
      const auto apart = std::max(v, w) - std::min(v, w);
      close += std::min(apart, 1000 - apart) <= 2;
    }
  }
  EXPECT_LT(close, 100u);                    // 4000 in the lattice, about 16 by chance
  EXPECT_LE(graph.diameter().value(), 12u);  // 250 in the lattice
}

TEST(RandomRegular, SaysWhatWouldFit) {
  auto wanted = request(GraphKind::kRandomRegular, 7);
  EXPECT_EQ(refusal(wanted),
            "no graph of 7 vertices has degree 3 everywhere, both being odd: 6 or 8 tasks would "
            "fit, or an even degree");
  wanted.degree = 7;
  EXPECT_EQ(refusal(wanted),
            "a vertex among 7 cannot have 7 neighbours: use at least 8 tasks, or a lower degree");
  wanted.degree = 0;
  EXPECT_EQ(refusal(wanted), "a random-regular graph has a degree of at least 1");
}

TEST(RandomRegular, OfDegreeOneIsAMatching) {
  const auto graph = random_regular(10, 1, 3);
  for (std::uint32_t v = 0; v < 10; ++v) EXPECT_EQ(graph.neighbours(v).size(), 1u);
}

}  // namespace
}  // namespace mvm::model
