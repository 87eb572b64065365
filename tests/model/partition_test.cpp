// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/partition.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "hand_made_profile.hpp"

namespace mvm::model {
namespace {

using Parts = std::vector<std::uint32_t>;

struct Case {
  std::string name;
  Topology topology;
};

Topology shape_over_tasks(GraphKind kind, std::uint32_t count,
                          std::vector<std::uint32_t> dims = {}) {
  HandMadeProfile made;
  made.job("cell", count);
  made.graph(kind, {"cell"}).dims = std::move(dims);
  auto topology = expand_topology(made.profile());
  EXPECT_TRUE(topology.has_value()) << lines(topology.error());
  return *std::move(topology);
}

Parts divide(const Topology& topology, const std::vector<std::uint32_t>& shares) {
  std::vector<std::uint32_t> all(topology.vertices.size());
  std::iota(all.begin(), all.end(), 0u);
  return partition(topology, all, shares);
}

Parts divide(const Topology& topology, std::uint32_t parts) {
  return divide(topology, std::vector<std::uint32_t>(parts, 1));
}

std::uint64_t cut(const Topology& topology, const Parts& parts) {
  std::uint64_t weight = 0;
  for (const auto& edge : topology.edges) {
    if (parts[edge.from] != parts[edge.to]) weight += edge.weight;
  }
  return weight;
}

Parts round_robin(const Topology& topology, std::uint32_t parts) {
  Parts dealt(topology.vertices.size());
  for (std::uint32_t v = 0; v < dealt.size(); ++v) dealt[v] = v % parts;
  return dealt;
}

std::vector<std::uint32_t> sizes(const Parts& parts, std::size_t count) {
  std::vector<std::uint32_t> all(count, 0);
  for (const auto part : parts) ++all.at(part);
  return all;
}

TEST(Quotas, AddUpAndDifferByOneAtMostForEqualShares) {
  for (std::uint32_t tasks = 0; tasks < 40; ++tasks) {
    for (std::uint32_t parts = 1; parts < 12; ++parts) {
      const auto quota = quotas(tasks, std::vector<std::uint32_t>(parts, 1));
      EXPECT_EQ(std::accumulate(quota.begin(), quota.end(), 0u), tasks);
      const auto [least, most] = std::ranges::minmax(quota);
      EXPECT_LE(most - least, 1u);
    }
  }
  EXPECT_EQ(quotas(10, {1, 3, 1}), (std::vector<std::uint32_t>{2, 6, 2}));
}

TEST(Partition, FillsEveryPartToItsQuota) {
  const std::vector<Case> cases = {
      {"torus", shape_over_tasks(GraphKind::kTorus, 144)},
      {"ring", shape_over_tasks(GraphKind::kRing, 37)},
      {"star", shape_over_tasks(GraphKind::kStar, 50)},
      {"tree", shape_over_tasks(GraphKind::kTree, 63)},
      {"complete", shape_over_tasks(GraphKind::kComplete, 24)},
      {"no edges", shape_over_tasks(GraphKind::kPipeline, 1)},
      {"two", shape_over_tasks(GraphKind::kRing, 2)},
      {"random", shape_over_tasks(GraphKind::kRandomRegular, 200)},
  };
  for (const auto& [name, topology] : cases) {
    for (const std::vector<std::uint32_t>& shares :
         {std::vector<std::uint32_t>{1}, {1, 1}, {1, 1, 1}, {4, 1, 2, 1}, {1, 1, 1, 1, 1, 1, 1}}) {
      SCOPED_TRACE(text(name, " in ", shares.size()));
      const auto parts = divide(topology, shares);
      EXPECT_EQ(sizes(parts, shares.size()),
                quotas(static_cast<std::uint32_t>(topology.vertices.size()), shares));
    }
  }
}

TEST(Partition, FindsTheBestCutOfKnownGraphs) {
  // Every edge below is directed: a pair of neighbours that is cut counts 2.
  const auto ring = shape_over_tasks(GraphKind::kRing, 32);
  EXPECT_EQ(cut(ring, divide(ring, 2)), 2u * 2);
  EXPECT_EQ(cut(ring, divide(ring, 4)), 2u * 4);
  const auto line = shape_over_tasks(GraphKind::kLine, 30);
  EXPECT_EQ(cut(line, divide(line, 3)), 2u * 2);
  const auto cube = shape_over_tasks(GraphKind::kHypercube, 16);
  EXPECT_EQ(cut(cube, divide(cube, 2)), 2u * 8);
  EXPECT_EQ(cut(cube, divide(cube, 4)), 2u * 16);
  const auto mesh = shape_over_tasks(GraphKind::kMesh, 64, {8, 8});
  EXPECT_EQ(cut(mesh, divide(mesh, 2)), 2u * 8);
  EXPECT_EQ(cut(mesh, divide(mesh, 4)), 2u * 16);
  const auto torus = shape_over_tasks(GraphKind::kTorus, 256, {16, 16});
  EXPECT_EQ(cut(torus, divide(torus, 2)), 2u * 32);
  const auto all = shape_over_tasks(GraphKind::kComplete, 8);
  EXPECT_EQ(cut(all, divide(all, 2)), 2u * 16);
}

TEST(Partition, CutsFarLessOfATorusThanRoundRobin) {
  const auto torus = shape_over_tasks(GraphKind::kTorus, 256, {16, 16});
  const auto found = cut(torus, divide(torus, 4));
  EXPECT_LE(found, 2u * 70);  // four squares or four stripes: 2 * 64
  EXPECT_EQ(cut(torus, round_robin(torus, 4)), 2u * 256);
}

TEST(Partition, CutsLittleInWhateverOrderTheTasksAre) {
  auto torus = shape_over_tasks(GraphKind::kTorus, 256, {16, 16});
  for (auto& edge : torus.edges) {
    edge.from = edge.from * 37 % 256;
    edge.to = edge.to * 37 % 256;
  }
  Parts in_order(256);
  for (std::uint32_t v = 0; v < 256; ++v) in_order[v] = v / 64;
  EXPECT_GT(cut(torus, in_order), 2u * 200);
  EXPECT_LE(cut(torus, divide(torus, 4)), 2u * 70);
  EXPECT_EQ(cut(torus, divide(torus, 2)), 2u * 32);
}

TEST(Partition, NeverCutsMoreThanTheOrderOfTheProfile) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    HandMadeProfile made;
    made.job("cell", 60);
    made.graph(GraphKind::kRandomRegular, {"cell"}).seed = seed;
    const auto topology = *expand_topology(made.profile());
    Parts in_order(60);
    for (std::uint32_t v = 0; v < 60; ++v) in_order[v] = v / 20;
    EXPECT_LE(cut(topology, divide(topology, 3)), cut(topology, in_order)) << "seed " << seed;
  }
}

TEST(Partition, KeepsHeavyEdgesTogether) {
  HandMadeProfile made;
  made.job("a", 8);
  made.job("b", 8);
  made.graph(GraphKind::kComplete, {"a"});
  made.graph(GraphKind::kComplete, {"b"});
  made.link({"a", {}, "x"}, {"b", {}, "x"}, queue::Spread::kOneToOne).weight = 1000;
  const auto topology = *expand_topology(made.profile());
  const auto parts = divide(topology, 2);
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_EQ(parts[i], parts[8 + i]);
}

TEST(Partition, BearsTheGreatestWeights) {
  HandMadeProfile made;
  made.job("cell", 64);
  made.graph(GraphKind::kTorus, {"cell"}).weight = std::numeric_limits<std::uint32_t>::max();
  const auto topology = *expand_topology(made.profile());
  EXPECT_EQ(sizes(divide(topology, 4), 4), (std::vector<std::uint32_t>{16, 16, 16, 16}));
}

TEST(Partition, GivesEachAPartOfItsOwnWhenThereAreMorePartsThanTasks) {
  const auto ring = shape_over_tasks(GraphKind::kRing, 3);
  const auto parts = divide(ring, 8);
  EXPECT_EQ(std::ranges::count(sizes(parts, 8), 1u), 3);
}

TEST(Partition, IsTheSameEveryTime) {
  const auto torus = shape_over_tasks(GraphKind::kTorus, 400);
  EXPECT_EQ(divide(torus, 6), divide(torus, 6));
}

TEST(Partition, OfSomeVerticesIgnoresTheOthers) {
  const auto ring = shape_over_tasks(GraphKind::kRing, 12);
  const auto parts = partition(ring, {0, 6, 1, 7}, {1, 1});
  EXPECT_EQ(parts[0], parts[2]);
  EXPECT_EQ(parts[1], parts[3]);
  EXPECT_NE(parts[0], parts[1]);
}

TEST(Partition, NumbersClosePartsClosely) {
  // A ring in 8 parts: neighbours in number should be neighbours on the ring, so that the first
  // four parts (say, the cores under one cache) hold one half with only two cuts around it.
  const auto ring = shape_over_tasks(GraphKind::kRing, 64);
  auto halves = divide(ring, 8);
  for (auto& part : halves) part /= 4;
  EXPECT_EQ(cut(ring, halves), 2u * 2);
}

TEST(Partition, DividesAHundredThousandTasks) {
  const auto torus = shape_over_tasks(GraphKind::kTorus, 100'000, {400, 250});
  const auto parts = divide(torus, 16);
  EXPECT_EQ(sizes(parts, 16), quotas(100'000, std::vector<std::uint32_t>(16, 1)));
  EXPECT_LT(cut(torus, parts), cut(torus, round_robin(torus, 16)) / 20);
}

}  // namespace
}  // namespace mvm::model
