// SPDX-License-Identifier: Apache-2.0

/// Runs tests in a world of their own, or skips them with the reason.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "world.hpp"

namespace {

/// Where there is no world, there is nothing to test.
class NeedsWorld : public testing::Environment {
 public:
  explicit NeedsWorld(std::string reason) : reason_(std::move(reason)) {}
  void SetUp() override {
    if (!reason_.empty()) GTEST_SKIP() << reason_;
  }

 private:
  std::string reason_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == mvm::test::kBeHost) {
    return mvm::test::be_host(argv[2]);
  }
  testing::InitGoogleTest(&argc, argv);
  if (!GTEST_FLAG_GET(list_tests)) {
    testing::AddGlobalTestEnvironment(new NeedsWorld(mvm::test::enter_world()));
  }
  return RUN_ALL_TESTS();
}
