// SPDX-License-Identifier: GPL-3.0-or-later
#include "rule_match.hpp"

#include <limits>

namespace mvm::model {
namespace {

constexpr auto kWholeName = std::numeric_limits<std::size_t>::max();

bool is_beginning(std::string_view port) {
  return port.ends_with('*');
}

/// Whether the rule is for every task that `end` names.
bool stands_for(const QueueRule& rule, const EndSelector& end, const Profile& profile) {
  if (rule.job != "*" && rule.job != end.job) return false;
  if (!port_matches(rule.port, end.port)) return false;
  if (!rule.index || rule.index == end.index) return true;
  const auto* job = profile.find_job(end.job);
  return job != nullptr && job->count == 1 && !end.index && *rule.index == 0;
}

}  // namespace

RuleRank rank_of(const QueueRule& rule) {
  const std::size_t tasks = (rule.job == "*" ? 0 : 2) + (rule.index ? 1 : 0);
  return {tasks, is_beginning(rule.port) ? rule.port.size() - 1 : kWholeName};
}

bool port_matches(std::string_view pattern, std::string_view port) {
  if (!is_beginning(pattern)) return pattern == port;
  return port.starts_with(pattern.substr(0, pattern.size() - 1));
}

WantedSpread wanted_spread(const Profile& profile, const EndSelector& end) {
  const QueueRule* decides = nullptr;
  for (const auto& rule : profile.queues) {
    if (!rule.type && !rule.type_varies) continue;
    if (decides != nullptr && rank_of(rule) < rank_of(*decides)) continue;
    if (stands_for(rule, end, profile)) decides = &rule;
  }
  if (decides == nullptr) return {};
  if (!decides->type) return {queue::Spread::kOneToOne, false};
  return {decides->type->spread.value_or(queue::Spread::kOneToOne), true};
}

}  // namespace mvm::model
