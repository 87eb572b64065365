// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/diagnostic.hpp>

#include <gtest/gtest.h>

namespace mvm {
namespace {

TEST(Diagnostic, NamesFileAndLine) {
  EXPECT_EQ((Diagnostic{"a.mvm.xml", 12, "bad"}).to_string(), "a.mvm.xml:12: bad");
  EXPECT_EQ((Diagnostic{"a.mvm.xml", 0, "bad"}).to_string(), "a.mvm.xml: bad");
}

TEST(Diagnostic, FindsTheNearestWord) {
  const std::vector<std::string> shapes{"pipeline", "ring", "torus", "mesh"};
  EXPECT_EQ(nearest("tours", shapes), "torus");
  EXPECT_EQ(nearest("rnig", shapes), "ring");
  EXPECT_EQ(nearest("hypercube", shapes), "");
  EXPECT_EQ(nearest("ring", {}), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'x'), shapes), "");
}

TEST(Diagnostic, AsksOnlyWhenSomethingIsNear) {
  EXPECT_EQ(did_you_mean("x++", {"x+", "x-"}), ", did you mean 'x+'?");
  EXPECT_EQ(did_you_mean("temperature", {"x+", "x-"}), "");
  EXPECT_EQ(did_you_mean("c", {"a", "b"}), "");
  EXPECT_EQ(did_you_mean("B", {"a", "b"}), ", did you mean 'b'?");
}

}  // namespace
}  // namespace mvm
