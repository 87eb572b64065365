// SPDX-License-Identifier: GPL-3.0-or-later
#include "queue_rules.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>

namespace mvm::model {

namespace {

constexpr auto kWholeName = std::numeric_limits<std::size_t>::max();

bool is_beginning(std::string_view port) {
  return port.ends_with('*');
}

bool port_matches(std::string_view pattern, std::string_view port) {
  if (!is_beginning(pattern)) return pattern == port;
  return port.starts_with(pattern.substr(0, pattern.size() - 1));
}

std::pair<std::size_t, std::size_t> rank_of(const QueueRule& rule) {
  const std::size_t tasks = (rule.job == "*" ? 0 : 2) + (rule.index ? 1 : 0);
  return {tasks, is_beginning(rule.port) ? rule.port.size() - 1 : kWholeName};
}

bool task_matches(const QueueRule& rule, const Vertex& vertex) {
  return !rule.index || *rule.index == vertex.index;
}

std::string shown(const QueueRule& rule) {
  if (!rule.words.empty()) return rule.words;
  const auto index = rule.index ? text(*rule.index) : "*";
  return rule.job == "*" ? text("*.", rule.port) : text(rule.job, "[", index, "].", rule.port);
}

std::string shown(const QueueTypeWord& word) {
  if (word.spread) return std::string(queue::to_string(*word.spread));
  return word.plugin.empty() ? std::string(queue::to_string(word.type)) : word.plugin;
}
std::string shown(queue::Overflow overflow) {
  return std::string(queue::to_string(overflow));
}
std::string shown(std::uint32_t number) {
  return text(number);
}
std::string shown(Bytes size) {
  return to_string(size);
}

std::string joined(const std::vector<std::string>& names) {
  std::string words;
  for (const auto& name : names) words += text(words.empty() ? "" : " ", name);
  return words;
}

}  // namespace

QueueRules::QueueRules(const Profile& profile, const Topology& topology)
    : profile_(profile), topology_(topology) {
  for (const auto& rule : profile.queues) {
    check_values(rule);
    ranked_.push_back({&rule, rank_of(rule)});
  }
  check_contradictions();
  std::ranges::stable_sort(ranked_, {}, &Ranked::rank);
  rules_of_job_.resize(profile.jobs.size());
  tasks_differ_.resize(profile.jobs.size());
  for (std::size_t job = 0; job < profile.jobs.size(); ++job) {
    for (std::size_t i = 0; i < ranked_.size(); ++i) {
      const auto& rule = *ranked_[i].rule;
      if (rule.job != "*" && rule.job != profile.jobs[job].name) continue;
      rules_of_job_[job].push_back(i);
      if (rule.index) tasks_differ_[job] = true;
    }
  }
}

queue::QueueSpec QueueRules::spec_for(std::span<const Edge> channel) {
  auto spec = spec_at(channel.front().to, channel.front().to_port);
  for (const auto& edge : channel.subspan(1)) {
    if (spec_at(edge.to, edge.to_port) != spec) complain_receivers_differ(edge);
  }
  return spec;
}

queue::QueueSpec QueueRules::spec_at(std::uint32_t vertex, std::uint32_t port) {
  const auto& task = topology_.vertices[vertex];
  if (rules_of_job_[task.job].empty()) return {};
  if (tasks_differ_[task.job]) return merge(task, port);
  const auto key = std::uint64_t{task.job} << 32 | port;
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  return known_[key] = merge(task, port);
}

queue::QueueSpec QueueRules::merge(const Vertex& vertex, std::uint32_t port) {
  queue::QueueSpec spec;
  for (const auto i : rules_of_job_[vertex.job]) {
    auto& ranked = ranked_[i];
    const auto& rule = *ranked.rule;
    if (!task_matches(rule, vertex) || !port_matches(rule.port, topology_.ports[port])) continue;
    ranked.matched = true;
    if (rule.type) spec.type = rule.type->type;
    spec.overflow = rule.overflow.value_or(spec.overflow);
    spec.capacity = rule.capacity.value_or(spec.capacity);
    spec.bytes = rule.bytes.value_or(spec.bytes);
  }
  return spec;
}

/// Rules of one rank that match one end have the same selector. They are compared by that, so that
/// a contradiction is found although the rules match nothing yet.
void QueueRules::check_contradictions() {
  using Selector = std::tuple<std::string_view, std::optional<std::uint32_t>, std::string_view>;
  std::map<Selector, std::vector<const QueueRule*>> alike;
  for (const auto& rule : profile_.queues) {
    alike[{rule.job, rule.index, rule.port}].push_back(&rule);
  }
  for (const auto& [selector, rules] : alike) {
    check_agreement(rules, &QueueRule::type, "type");
    check_agreement(rules, &QueueRule::overflow, "overflow");
    check_agreement(rules, &QueueRule::capacity, "capacity");
    check_agreement(rules, &QueueRule::bytes, "bytes");
  }
}

template <typename T>
void QueueRules::check_agreement(const std::vector<const QueueRule*>& rules,
                                 std::optional<T> QueueRule::* setting,
                                 std::string_view attribute) {
  const QueueRule* earlier = nullptr;
  for (const auto* rule : rules) {
    const auto& wanted = rule->*setting;
    if (!wanted) continue;
    const auto* other = std::exchange(earlier, rule);
    if (other == nullptr || other->*setting == wanted) continue;
    if (!contradicting_.insert({other, rule}).second) continue;
    complain(*rule, text(attribute, "=\"", shown(*wanted), "\" contradicts ", attribute, "=\"",
                         shown(*(other->*setting)), "\" of the equally specific rule on '",
                         shown(*other), "' at ", other->place.file, ":", other->place.line,
                         ": remove one, or make its selector more specific"));
  }
}

void QueueRules::check_values(const QueueRule& rule) {
  if (rule.capacity && (*rule.capacity == 0 || *rule.capacity > queue::kMaxCapacity)) {
    complain(rule, text("capacity=\"", *rule.capacity, "\" is not among 1 to ", queue::kMaxCapacity,
                        " messages"));
  }
  if (rule.bytes && (*rule.bytes == 0_B || *rule.bytes > queue::kMaxQueueBytes)) {
    complain(rule, text("bytes=\"", to_string(*rule.bytes), "\" is not among 1 B to ",
                        to_string(queue::kMaxQueueBytes)));
  }
}

void QueueRules::complain(const QueueRule& rule, std::string message) {
  complaints_.push_back(
      {rule.place.file, rule.place.line, text("queue rule on '", shown(rule), "': ", message)});
}

void QueueRules::complain_receivers_differ(const Edge& edge) {
  if (std::exchange(complained_statement_, edge.statement) == edge.statement) return;
  const auto& link = profile_.links[edge.statement - profile_.graphs.size()];
  complaints_.push_back(
      {link.place.file, link.place.line,
       text("this link is one shared queue, but queue rules tell its receivers apart: let them ",
            "name ", link.to.job, "[*].", link.to.port, ", not single tasks")});
}

Diagnostics QueueRules::complaints(const Gaps& gaps) {
  for (const auto& ranked : ranked_) {
    // Each look at the whole topology takes a while, and nobody reads more.
    if (complaints_.size() > kMaxDiagnostics) break;
    if (!ranked.matched && !gaps.may_match(*ranked.rule)) complain_unmatched(*ranked.rule, gaps);
  }
  return std::exchange(complaints_, {});
}

void QueueRules::complain_unmatched(const QueueRule& rule, const Gaps& gaps) {
  const auto is_meant = [&](const Vertex& vertex) {
    return (rule.job == "*" || profile_.jobs[vertex.job].name == rule.job) &&
           task_matches(rule, vertex);
  };
  std::vector<std::string> jobs;
  for (const auto& job : profile_.jobs) jobs.push_back(job.name);
  const auto job = std::ranges::find(profile_.jobs, rule.job, &JobModel::name);
  if (rule.job != "*" && job == profile_.jobs.end()) {
    return complain(rule, text("unknown job '", rule.job, "'", did_you_mean(rule.job, jobs)));
  }
  const bool counted = job != profile_.jobs.end() && job->count > 0;
  if (counted && rule.index && *rule.index >= job->count) {
    return complain(rule, text("job '", rule.job, "' has ", job->count,
                               job->count == 1 ? " task" : " tasks", ", numbered from 0"));
  }
  std::vector<bool> receives(topology_.ports.size());
  std::vector<bool> sends(topology_.ports.size());
  for (const auto& edge : topology_.edges) {
    if (is_meant(topology_.vertices[edge.to])) receives[edge.to_port] = true;
    if (is_meant(topology_.vertices[edge.from])) sends[edge.from_port] = true;
  }
  std::vector<std::string> receiving = gaps.port_words(rule);
  bool only_sends = false;
  for (std::size_t port = 0; port < topology_.ports.size(); ++port) {
    const auto& name = topology_.ports[port];
    if (receives[port] && std::ranges::find(receiving, name) == receiving.end()) {
      receiving.push_back(name);
    }
    only_sends |= sends[port] && port_matches(rule.port, topology_.ports[port]);
  }
  if (only_sends) {
    return complain(rule, "this port only sends: a rule names the receiving end of its queues");
  }
  if (receiving.empty()) {
    return complain(rule,
                    "matches nothing, because no edge arrives there: add a <graph> or <link>");
  }
  complain(rule, text("matches no receiving port", did_you_mean(rule.port, receiving),
                      " (there are: ", joined(receiving), ")"));
}

}  // namespace mvm::model
