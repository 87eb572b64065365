// SPDX-License-Identifier: Apache-2.0

/// Runs tests in a world of their own, or skips them with the reason.

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "world.hpp"

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == mvm::test::kBeHost) {
    return mvm::test::be_host(argv[2]);
  }
  testing::InitGoogleTest(&argc, argv);
  if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
  if (const auto reason = mvm::test::enter_world(); !reason.empty()) {
    std::printf("[  SKIPPED ] %s\n", reason.c_str());  // ctest knows these words
    return 0;
  }
  return RUN_ALL_TESTS();
}
