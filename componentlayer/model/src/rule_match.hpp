// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include <mvm/model/profile.hpp>

namespace mvm::model {

/// What makes one queue rule more specific than another: its tasks, then its port.
using RuleRank = std::pair<std::size_t, std::size_t>;
[[nodiscard]] RuleRank rank_of(const QueueRule& rule);

/// Whether a rule's port (a name, or a beginning that ends in '*') stands for this one.
[[nodiscard]] bool port_matches(std::string_view pattern, std::string_view port);

/// How the link or open port that leads to `end` spreads, when it does not say so itself.
struct WantedSpread {
  queue::Spread spread = queue::Spread::kOneToOne;
  bool known = true;  ///< false: the type of the rule that decides it could not be read
};

/// The word of the most specific rule that stands for all tasks of `end` and sets a type.
[[nodiscard]] WantedSpread wanted_spread(const Profile& profile, const EndSelector& end);

}  // namespace mvm::model
