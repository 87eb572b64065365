// SPDX-License-Identifier: GPL-3.0-or-later
// What is said of a kind's ports before its graph can be made agrees with the graphs that are made.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

#include <mvm/model/shape.hpp>

namespace mvm::model {
namespace {

/// "leaf12" as "leaf#"; a mesh's "d3-" keeps its number, which is part of the name.
std::string pattern_of(const std::string& port, const std::vector<std::string>& known) {
  if (std::ranges::find(known, port) != known.end()) return port;
  auto end = port.size();
  while (end > 0 && std::isdigit(static_cast<unsigned char>(port[end - 1])) != 0) --end;
  return port.substr(0, end) + '#';
}

std::set<std::string> ports_where_edges_arrive(const Shape& shape,
                                               const std::vector<std::string>& known) {
  std::set<std::string> ports;
  for (const auto& edge : shape.edges) ports.insert(pattern_of(shape.ports[edge.to_port], known));
  return ports;
}

class ReceivingPorts : public testing::TestWithParam<GraphKind> {};

TEST_P(ReceivingPorts, AreThoseOfTheGraph) {
  ShapeRequest request;
  request.kind = GetParam();
  request.count = request.kind == GraphKind::kButterfly ? 12 : 16;
  const auto known = receiving_ports(request.kind, 0);
  const auto shape = make_shape(request);
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(ports_where_edges_arrive(*shape, known), std::set(known.begin(), known.end()));
}

std::vector<GraphKind> generated_kinds() {
  std::vector<GraphKind> kinds;
  for (const auto& word : graph_kind_words()) {
    if (const auto kind = *parse_graph_kind(word); kind != GraphKind::kFile) kinds.push_back(kind);
  }
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Kinds, ReceivingPorts, testing::ValuesIn(generated_kinds()),
                         [](const auto& test) {
                           std::string name(to_string(test.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(ReceivingPorts, OfAGridFollowFromItsDimensions) {
  ShapeRequest request;
  request.kind = GraphKind::kTorus;
  request.count = 32;
  request.dims = {2, 2, 2, 2, 2};
  const auto known = receiving_ports(request.kind, request.dims.size());
  EXPECT_EQ(known.back(), "d4+");
  const auto shape = make_shape(request);
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(ports_where_edges_arrive(*shape, known), std::set(known.begin(), known.end()));
}

TEST(ReceivingPorts, OfAFileAreNotKnown) {
  EXPECT_TRUE(receiving_ports(GraphKind::kFile, 0).empty());
}

}  // namespace
}  // namespace mvm::model
