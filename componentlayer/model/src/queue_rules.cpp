// SPDX-License-Identifier: GPL-3.0-or-later
#include "queue_rules.hpp"

#include <algorithm>
#include <utility>

namespace mvm::model {

QueueRules::QueueRules(const Profile& profile, const Topology& topology)
    : profile_(profile), topology_(topology) {
  for (const auto& rule : profile.queues) {
    check_values(rule);
    ranked_.push_back({&rule, rank_of(rule)});
  }
  check_contradictions();
  std::ranges::stable_sort(ranked_, {}, &Ranked::rank);
  rules_of_job_.resize(profile.jobs.size() + 1);
  tasks_differ_.resize(profile.jobs.size() + 1);
  for (std::size_t job = 0; job < rules_of_job_.size(); ++job) {
    for (std::size_t i = 0; i < ranked_.size(); ++i) {
      const auto& rule = *ranked_[i].rule;
      if (rule.job != "*" && rule.job != job_name(job)) continue;
      rules_of_job_[job].push_back(i);
      if (rule.index) tasks_differ_[job] = true;
    }
  }
}

std::string_view QueueRules::job_name(std::size_t job) const {
  return job == outside_job() ? kOutsideJob : std::string_view(profile_.jobs[job].name);
}

QueueRules::End QueueRules::end_at(std::uint32_t vertex, std::uint32_t port) const {
  const auto& task = topology_.vertices[vertex];
  return {task.job, task.index, port};
}

queue::QueueSpec QueueRules::spec_for(std::span<const Edge> channel) {
  const auto& first = channel.front();
  const auto& merged = merged_at(end_at(first.to, first.to_port));
  check_spread(merged, first);
  auto spec = merged.spec;
  for (const auto& edge : channel.subspan(1)) {
    const auto& other = merged_at(end_at(edge.to, edge.to_port));
    check_spread(other, edge);
    if (other.spec != spec) complain_receivers_differ(feeder_of(edge));
  }
  return spec;
}

queue::QueueSpec QueueRules::spec_for(std::span<const OpenEdge> channel) {
  std::optional<queue::QueueSpec> spec;
  for (const auto& edge : channel) {
    const auto end =
        edge.enters ? end_at(edge.task, edge.task_port) : End{outside_job(), 0, edge.outside_port};
    const auto& merged = merged_at(end);
    check_spread(merged, edge);
    check_outside_plugins(merged, edge);
    if (!spec) spec = merged.spec;
    if (merged.spec != *spec) complain_receivers_differ(feeder_of(edge));
  }
  return *std::move(spec);
}

/// The answer lasts until the next question.
const QueueRules::Merged& QueueRules::merged_at(const End& end) {
  if (tasks_differ_[end.job]) return single_ = merge(end);
  const auto [known, added] = known_.try_emplace(std::uint64_t{end.job} << 32 | end.port);
  if (added) known->second = merge(end);
  return known->second;
}

QueueRules::Merged QueueRules::merge(const End& end) {
  Merged merged;
  std::vector<std::size_t> applied;
  for (const auto i : rules_of_job_[end.job]) {
    const auto& rule = *ranked_[i].rule;
    const bool task_matches = !rule.index || (end.job != outside_job() && *rule.index == end.index);
    if (!task_matches || !port_matches(rule.port, topology_.ports[end.port])) continue;
    ranked_[i].matched = true;
    apply(rule, merged);
    applied.push_back(i);
  }
  note_useful(applied, merged);
  return merged;
}

void QueueRules::apply(const QueueRule& rule, Merged& merged) {
  auto& spec = merged.spec;
  if (rule.type || rule.type_varies) merged.type_rule = &rule;
  if (rule.type) {
    spec.type = rule.type->type;
    spec.plugin = spec.type == queue::QueueType::kCustom ? plugin_number(rule.type->plugin) : 0;
  }
  if (rule.codecs) {
    merged.codec_rule = &rule;
    spec.codecs.clear();
    for (const auto& codec : *rule.codecs) spec.codecs.push_back(codec_number(codec));
  }
  spec.overflow = rule.overflow.value_or(spec.overflow);
  spec.capacity = rule.capacity.value_or(spec.capacity);
  spec.bytes = rule.bytes.value_or(spec.bytes);
  spec.levels = rule.levels.value_or(spec.levels);
  spec.drop_late = rule.drop_late.value_or(spec.drop_late);
  spec.time_to_live = rule.time_to_live.value_or(spec.time_to_live);
  spec.interval = rule.interval.value_or(spec.interval);
  spec.link.latency = rule.latency.value_or(spec.link.latency);
  spec.link.jitter = rule.jitter.value_or(spec.link.jitter);
  spec.link.bits_per_second = rule.bits_per_second.value_or(spec.link.bits_per_second);
  spec.link.loss_ppb = rule.loss_ppb.value_or(spec.link.loss_ppb);
  spec.link.seed = rule.seed.value_or(spec.link.seed);
  spec.transport = rule.transport.value_or(spec.transport);
}

/// When the type is a parameter, a rule may hold what only some of its values need.
void QueueRules::note_useful(const std::vector<std::size_t>& applied, const Merged& merged) {
  const bool varies = merged.type_rule != nullptr && merged.type_rule->type_varies;
  const bool chance = std::ranges::any_of(
      applied, [&](std::size_t i) { return ranked_[i].rule->loss_ppb || ranked_[i].rule->jitter; });
  for (const auto i : applied) {
    auto& useful = ranked_[i].useful;
    useful[kLevels] |= varies || merged.spec.type == queue::QueueType::kPriority;
    useful[kLate] |= varies || merged.spec.type == queue::QueueType::kDeadline;
    useful[kSeed] |= chance;
  }
}

std::uint32_t QueueRules::codec_number(const CodecWord& word) {
  queue::CodecSpec codec{word.kind, word.level, 0};
  if (word.kind == queue::CodecKind::kCustom) codec.plugin = plugin_number(word.plugin);
  const auto known = std::ranges::find(codecs_, codec);
  if (known == codecs_.end()) {
    codecs_.push_back(codec);
    return static_cast<std::uint32_t>(codecs_.size() - 1);
  }
  return static_cast<std::uint32_t>(known - codecs_.begin());
}

std::uint32_t QueueRules::plugin_number(const std::string& name) const {
  const auto plugin = std::ranges::find(profile_.plugins, name, &PluginModel::name);
  return static_cast<std::uint32_t>(plugin - profile_.plugins.begin());
}

template <typename EdgeKind>
void QueueRules::check_spread(const Merged& merged, const EdgeKind& edge) {
  const auto* rule = merged.type_rule;
  if (rule == nullptr || !rule->type || !rule->type->spread) return;
  if (*rule->type->spread != edge.spread) complain_spread(*rule, feeder_of(edge));
}

QueueRules::Feeder QueueRules::feeder_of(const Edge& edge) const {
  if (edge.statement < profile_.graphs.size()) {
    return {&profile_.graphs[edge.statement].place, "graph", {}, edge.spread, {}};
  }
  const auto& link = profile_.links[edge.statement - profile_.graphs.size()];
  return {&link.place, "link", link.spread, edge.spread, text(link.to.job, "[*].", link.to.port)};
}

QueueRules::Feeder QueueRules::feeder_of(const OpenEdge& edge) const {
  const auto& open = profile_.openings[edge.statement];
  const auto receivers =
      edge.enters ? text(open.end.job, "[*].", open.end.port) : text(kOutsideJob, ".", open.port);
  return {&open.place, "open", open.spread, edge.spread, receivers};
}

}  // namespace mvm::model
