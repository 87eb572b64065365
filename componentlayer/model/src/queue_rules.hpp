// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/model/topology.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

#include "gaps.hpp"
#include "rule_match.hpp"

namespace mvm::model {

/// The queue rules of a profile, applied to the receiving ends of its topology.
///
/// Every rule that matches an end sets the attributes that it writes; where several set the same
/// one, the most specific rule wins. What makes a rule more specific, in this order:
///   1. its tasks:  job[3].…  over  job[*].…  over  *[3].…  over  *.…
///   2. its port:   a whole name  over  a longer beginning (x*)  over  a shorter one  over  *
/// So two rules of the same rank that match one end have the same selector; if they set an
/// attribute to different values, that is an error. Programs outside of the group receive as a job
/// named "outside".
class QueueRules {
 public:
  /// Both must outlive the object.
  QueueRules(const Profile& profile, const Topology& topology);

  /// The queue of one channel: of one edge, or of all that share it.
  [[nodiscard]] queue::QueueSpec spec_for(std::span<const Edge> channel);
  [[nodiscard]] queue::QueueSpec spec_for(std::span<const OpenEdge> channel);

  /// What the indices of the specs mean.
  [[nodiscard]] const std::vector<queue::CodecSpec>& codecs() const { return codecs_; }

  /// Complaints about rules: values over limits, contradictions, settings that mean nothing for the
  /// queues that they reach, types that contradict the spread of a link, receivers of one shared
  /// queue that rules tell apart, and rules that matched none of the channels that were asked for
  /// and none of the gaps. To be called once, after `spec_for` for every channel.
  [[nodiscard]] Diagnostics complaints(const Gaps& gaps);

 private:
  /// Settings that mean something only beside others.
  enum Dependent : std::size_t { kLevels, kLate, kSeed, kDependents };

  struct Ranked {
    const QueueRule* rule = nullptr;
    RuleRank rank;
    bool matched = false;
    bool useful[kDependents] = {};  ///< some queue that the rule reaches heeds the setting
  };

  /// A port at which messages arrive. `job` is outside_job() where programs outside receive.
  struct End {
    std::size_t job = 0;
    std::uint32_t index = 0;
    std::uint32_t port = 0;
  };

  struct Merged {
    queue::QueueSpec spec;
    const QueueRule* type_rule = nullptr;  ///< that decided the type
    const QueueRule* codec_rule = nullptr;
  };

  /// The statement that makes a channel.
  struct Feeder {
    const Place* place = nullptr;
    std::string_view element;  ///< "graph", "link" or "open"
    std::optional<queue::Spread> written;
    queue::Spread spread = queue::Spread::kOneToOne;
    std::string receivers;  ///< of a link or open port, as a selector of all of them
  };

  /// Which ports of the tasks that a rule names receive, and which send; by index of the port.
  struct PortUse {
    std::vector<bool> receives;
    std::vector<bool> sends;
  };

  [[nodiscard]] std::size_t outside_job() const { return profile_.jobs.size(); }
  [[nodiscard]] std::string_view job_name(std::size_t job) const;
  [[nodiscard]] End end_at(std::uint32_t vertex, std::uint32_t port) const;
  [[nodiscard]] Feeder feeder_of(const Edge& edge) const;
  [[nodiscard]] Feeder feeder_of(const OpenEdge& edge) const;

  const Merged& merged_at(const End& end);
  Merged merge(const End& end);
  void apply(const QueueRule& rule, Merged& merged);
  void note_useful(const std::vector<std::size_t>& applied, const Merged& merged);
  std::uint32_t codec_number(const CodecWord& word);
  [[nodiscard]] std::uint32_t plugin_number(const std::string& name) const;

  template <typename EdgeKind>
  void check_spread(const Merged& merged, const EdgeKind& edge);
  void check_outside_plugins(const Merged& merged, const OpenEdge& edge);
  void check_values(const QueueRule& rule);
  void check_contradictions();
  template <typename T, typename Show>
  void check_agreement(const std::vector<const QueueRule*>& rules,
                       std::optional<T> QueueRule::* setting, std::string_view attribute,
                       Show show);
  void complain_unmatched(const QueueRule& rule, const Gaps& gaps);
  [[nodiscard]] PortUse ports_of(const QueueRule& rule) const;
  void complain_useless(const Ranked& ranked);
  void complain_receivers_differ(const Feeder& feeder);
  void complain_spread(const QueueRule& rule, const Feeder& feeder);
  void complain(const QueueRule& rule, std::string message);

  const Profile& profile_;
  const Topology& topology_;
  std::vector<Ranked> ranked_;                          // the least specific first
  std::vector<std::vector<std::size_t>> rules_of_job_;  // indices into ranked_; outside is the last
  std::vector<bool> tasks_differ_;                      // by job: a rule names one task of it
  std::unordered_map<std::uint64_t, Merged> known_;     // by (job, port), where they do not
  Merged single_;                                       // of the end last asked for, where they do
  std::vector<queue::CodecSpec> codecs_;
  std::set<std::pair<const QueueRule*, const QueueRule*>> contradicting_;
  std::set<std::tuple<const QueueRule*, const Place*, std::string_view>> said_;  // of statements
  Diagnostics complaints_;
};

}  // namespace mvm::model
