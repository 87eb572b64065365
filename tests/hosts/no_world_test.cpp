// SPDX-License-Identifier: Apache-2.0

/// That a test which has not entered a world cannot touch the machine's own networks.

#include <gtest/gtest.h>

#include <stdexcept>

#include "hosts.hpp"

namespace mvm::test {
namespace {

TEST(WithoutAWorld, NoHostsAreMade) {
  EXPECT_THROW(Hosts(1), std::logic_error);
}

}  // namespace
}  // namespace mvm::test
