// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>

namespace mvm::test {

/// What docs/summary.md promises of every channel, to the last message.
inline void expect_sums(const nlohmann::json& summary) {
  for (const auto& channel : summary.at("channels")) {
    const auto count = [&](const char* name) { return channel.at(name).get<std::uint64_t>(); };
    std::uint64_t by_cause = 0;
    for (const auto& [cause, number] : channel.at("drops").items()) {
      by_cause += number.get<std::uint64_t>();
    }
    EXPECT_EQ(by_cause, count("dropped")) << channel.dump();
    EXPECT_EQ(count("enqueued"),
              count("dequeued") + count("dropped") + count("left") + count("lost_with_task"))
        << channel.dump();
  }
}

}  // namespace mvm::test
