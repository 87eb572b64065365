// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/model/topology.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "gaps.hpp"

namespace mvm::model {

/// The queue rules of a profile, applied to the receiving ends of its topology.
///
/// Every rule that matches an end sets the attributes that it writes; where several set the same
/// one, the most specific rule wins. What makes a rule more specific, in this order:
///   1. its tasks:  job[3].…  over  job[*].…  over  *[3].…  over  *.…
///   2. its port:   a whole name  over  a longer beginning (x*)  over  a shorter one  over  *
/// So two rules of the same rank that match one end have the same selector; if they set an
/// attribute to different values, that is an error.
class QueueRules {
 public:
  /// Both must outlive the object.
  QueueRules(const Profile& profile, const Topology& topology);

  /// The queue of one channel: of one edge, or of all that share it.
  [[nodiscard]] queue::QueueSpec spec_for(std::span<const Edge> channel);

  /// Complaints about rules: values over limits, contradictions, receivers of one shared queue that
  /// rules tell apart, and rules that matched none of the channels that were asked for and none of
  /// the gaps. To be called once, after `spec_for` for every channel.
  [[nodiscard]] Diagnostics complaints(const Gaps& gaps);

 private:
  struct Ranked {
    const QueueRule* rule = nullptr;
    std::pair<std::size_t, std::size_t> rank;  ///< of tasks, then of port
    bool matched = false;
  };

  queue::QueueSpec spec_at(std::uint32_t vertex, std::uint32_t port);
  queue::QueueSpec merge(const Vertex& vertex, std::uint32_t port);
  void check_values(const QueueRule& rule);
  void check_contradictions();
  template <typename T>
  void check_agreement(const std::vector<const QueueRule*>& rules,
                       std::optional<T> QueueRule::* setting, std::string_view attribute);
  void complain_unmatched(const QueueRule& rule, const Gaps& gaps);
  void complain_receivers_differ(const Edge& edge);
  void complain(const QueueRule& rule, std::string message);

  const Profile& profile_;
  const Topology& topology_;
  std::vector<Ranked> ranked_;                          // the least specific first
  std::vector<std::vector<std::size_t>> rules_of_job_;  // indices into ranked_
  std::vector<bool> tasks_differ_;                      // by job: a rule names one task of it
  std::unordered_map<std::uint64_t, queue::QueueSpec> known_;  // by (job, port), where they do not
  std::set<std::pair<const QueueRule*, const QueueRule*>> contradicting_;
  std::optional<std::uint32_t> complained_statement_;
  Diagnostics complaints_;
};

}  // namespace mvm::model
