// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/id.hpp>

#include <gtest/gtest.h>

#include <set>

namespace mvm {
namespace {

TEST(GroupId, CarriesTheProfilesName) {
  const auto id = make_group_id("heat");
  EXPECT_EQ(id.size(), std::string("heat-3f9c02ab").size());
  EXPECT_TRUE(id.starts_with("heat-"));
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef", 5), std::string::npos);
}

TEST(GroupId, IsSafeInAPathWhateverTheName) {
  for (const auto* name : {"", "../../etc/passwd", "a b\tc", "-rf", "Wärme", ".", "x/y", "_"}) {
    const auto id = make_group_id(name);
    EXPECT_TRUE(is_group_id(id)) << id;
    EXPECT_EQ(id.find_first_of("/. \t"), std::string::npos) << id;
  }
  EXPECT_TRUE(is_group_id(make_group_id(std::string(1000, 'x'))));
}

TEST(GroupId, IsFreshEachTime) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(make_group_id("heat"));
  EXPECT_EQ(ids.size(), 1000U);
}

TEST(GroupId, RefusesWhatItNeverMade) {
  for (const auto* words : {"", "heat", "-12345678", "heat_12345678", "heat-1234567/",
                            "../a-12345678", "heat-123456789"}) {
    EXPECT_FALSE(is_group_id(words)) << words;
  }
  EXPECT_FALSE(is_group_id(std::string(100, 'a') + "-12345678"));
}

}  // namespace
}  // namespace mvm
