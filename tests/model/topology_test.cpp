// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/topology.hpp>

#include <gtest/gtest.h>

#include <algorithm>

#include <mvm/base/clock.hpp>

#include "hand_made_profile.hpp"

namespace mvm::model {
namespace {

using queue::Spread;

Topology expanded(const HandMadeProfile& made) {
  auto topology = expand_topology(made.profile());
  EXPECT_TRUE(topology.has_value()) << lines(topology.error());
  return topology ? *std::move(topology) : Topology{};
}

std::string refusal(const HandMadeProfile& made) {
  const auto topology = expand_topology(made.profile());
  return topology ? "accepted" : lines(topology.error());
}

/// "cell[0].x+ > cell[1].x-" for every edge, in order.
std::vector<std::string> edges_of(const HandMadeProfile& made) {
  const auto topology = expanded(made);
  std::vector<std::string> words;
  for (const auto& edge : topology.edges) {
    words.push_back(text(
        topology.vertex_name(made.profile(), edge.from), ".", topology.ports[edge.from_port], " > ",
        topology.vertex_name(made.profile(), edge.to), ".", topology.ports[edge.to_port]));
  }
  return words;
}

using Words = std::vector<std::string>;

// ---- graphs ----

TEST(Topology, LaysAGraphOverSeveralJobsInTheOrderNamed) {
  HandMadeProfile made;
  made.job("sink", 1);
  made.job("stage", 2);
  made.job("source", 1);
  made.graph(GraphKind::kPipeline, {"source", "stage", "sink"});
  EXPECT_EQ(edges_of(made), (Words{"source[0].out > stage[0].in", "stage[0].out > stage[1].in",
                                   "stage[1].out > sink[0].in"}));
}

TEST(Topology, SplitsABipartiteGraphBetweenFirstAndOtherJobs) {
  HandMadeProfile made;
  made.job("a", 1);
  made.job("b", 2);
  made.graph(GraphKind::kBipartite, {"a", "b"});
  EXPECT_EQ(edges_of(made), (Words{"a[0].n0 > b[0].n0", "b[0].n0 > a[0].n0", "a[0].n1 > b[1].n0",
                                   "b[1].n0 > a[0].n1"}));
}

TEST(Topology, CombinesGraphsAndLinksFreely) {
  HandMadeProfile made;
  made.job("cell", 3);
  made.job("monitor", 1);
  made.graph(GraphKind::kRing, {"cell"}).weight = 5;
  made.graph(GraphKind::kTree, {"monitor", "cell"}).prefix = "t-";
  made.link({"cell", {}, "stats"}, {"monitor", {}, "in"}, Spread::kShared);
  const auto topology = expanded(made);
  ASSERT_EQ(topology.edges.size(), 6u + 6 + 3);
  EXPECT_EQ(topology.edges[0].weight, 5u);
  EXPECT_EQ(topology.edges[6].statement, 1u);
  EXPECT_EQ(topology.ports[topology.edges[6].from_port], "t-child0");
  EXPECT_EQ(topology.edges[14].statement, 2u);
  EXPECT_EQ(topology.edges[14].spread, Spread::kShared);
}

TEST(Topology, TakesCoordinatesFromTheFirstGraphThatHasSome) {
  HandMadeProfile made;
  made.job("cell", 4);
  made.job("lone", 2);
  made.graph(GraphKind::kRing, {"cell"});
  made.graph(GraphKind::kTorus, {"cell"});
  made.graph(GraphKind::kHypercube, {"cell"});
  const auto topology = expanded(made);
  EXPECT_EQ(topology.vertices[3].coordinates, (std::vector<std::uint32_t>{1, 1}));
  EXPECT_EQ(topology.vertices[5].coordinates, (std::vector<std::uint32_t>{1}));
}

TEST(Topology, RefusesTwoGraphsThatGiveAJobTheSamePort) {
  HandMadeProfile made;
  made.job("cell", 4);
  made.graph(GraphKind::kRing, {"cell"});
  made.graph(GraphKind::kRing, {"cell"});
  EXPECT_EQ(refusal(made),
            "test.mvm.xml:3: this ring gives job 'cell' the port 'next', which it has from the "
            "ring at test.mvm.xml:2: give one of them a prefix=\n");
}

TEST(Topology, TellsAllMistakesInOneGoByLine) {
  HandMadeProfile made;
  made.job("cell", 6);
  made.graph(GraphKind::kHypercube, {"cell"});
  made.graph(GraphKind::kRing, {"cel"});
  made.graph(GraphKind::kRing, {});
  made.graph(GraphKind::kRing, {"cell", "cell"});
  made.link({"cell", 6, "out"}, {"cell", 0, "in"}, Spread::kOneToOne);
  made.link({"cell", {}, "out"}, {"cell", 0, "in"}, Spread::kOneToOne);
  made.link({"cell", {}, "*"}, {"nobody", 0, "in"}, Spread::kOneToOne);
  made.link({"cell", {}, std::string(5000, 'x')}, {"cell", {}, "in"}, Spread::kEach);
  EXPECT_EQ(refusal(made),
            "test.mvm.xml:2: hypercube over 'cell': a hypercube has a power of two of vertices, "
            "not 6: 4 or 8 would fit\n"
            "test.mvm.xml:3: unknown job 'cel', did you mean 'cell'?\n"
            "test.mvm.xml:4: a graph lies over at least one job: write over=\"JOB …\"\n"
            "test.mvm.xml:5: job 'cell' is named twice in over=: once is enough\n"
            "test.mvm.xml:6: there is no task cell[6]: job 'cell' has 6 tasks, numbered from 0\n"
            "test.mvm.xml:7: a one-to-one link needs as many senders as receivers, but cell.out "
            "stands for 6 and cell.in for 1: make them equal, name one task of each (cell[0]), or "
            "choose spread=\"each\", \"round-robin\", \"shared\" or \"hash\"\n"
            "test.mvm.xml:8: a link joins one port of each side, not '*': write one link per port\n"
            "test.mvm.xml:8: unknown job 'nobody': declare it by <job>\n"
            "test.mvm.xml:9: a port's name has 1 to 255 bytes, this one 5000: choose another\n");
}

// ---- links ----

TEST(Link, OneToOnePairsTasksByIndex) {
  HandMadeProfile made;
  made.job("a", 2);
  made.job("b", 2);
  made.link({"a", {}, "out"}, {"b", {}, "in"}, Spread::kOneToOne);
  made.link({"a", 1, "extra"}, {"b", 0, "in"}, Spread::kOneToOne);
  EXPECT_EQ(edges_of(made),
            (Words{"a[0].out > b[0].in", "a[1].out > b[1].in", "a[1].extra > b[0].in"}));
}

TEST(Link, OtherSpreadsJoinEachSenderToEachReceiver) {
  for (const auto spread : {Spread::kEach, Spread::kRoundRobin, Spread::kShared, Spread::kHash}) {
    HandMadeProfile made;
    made.job("a", 2);
    made.job("b", 2);
    made.link({"a", {}, "out"}, {"b", {}, "in"}, spread);
    EXPECT_EQ(edges_of(made), (Words{"a[0].out > b[0].in", "a[0].out > b[1].in",
                                     "a[1].out > b[0].in", "a[1].out > b[1].in"}));
    for (const auto& edge : expanded(made).edges) EXPECT_EQ(edge.spread, spread);
  }
}

// ---- size ----

TEST(Topology, ExpandsATorusOfAHundredThousandTasks) {
  HandMadeProfile made;
  made.job("cell", 100'000);
  made.graph(GraphKind::kTorus, {"cell"}).dims = {400, 250};
  // Under 100 ms when measured; the bound has to hold under sanitizers on a busy host too.
  const auto begin = now();
  const auto topology = expanded(made);
  const auto took = now() - begin;
  EXPECT_EQ(topology.edges.size(), 400'000u);
  EXPECT_LT(took, std::chrono::seconds(20));
}

TEST(Topology, RefusesWhatPassesItsLimits) {
  HandMadeProfile many;
  many.job("a", 999'999);
  many.job("b", 2);
  EXPECT_EQ(refusal(many),
            "test.mvm.xml:2: job 'b' brings the profile to 1000001 tasks; at most 1000000 are "
            "possible: lower its count\n");
  HandMadeProfile dense;
  dense.job("a", 5000);
  dense.link({"a", {}, "out"}, {"a", {}, "in"}, Spread::kEach);
  EXPECT_EQ(refusal(dense),
            "test.mvm.xml:2: the topology would have 25000000 edges; at most 10000000 are "
            "possible: use fewer tasks or a sparser shape\n");
}

}  // namespace
}  // namespace mvm::model
