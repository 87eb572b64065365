// SPDX-License-Identifier: GPL-3.0-or-later
// What is said about queue rules that do not fit together, or not to the topology.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "codec_words.hpp"
#include "queue_rules.hpp"

namespace mvm::model {
namespace {

std::string shown(const QueueRule& rule) {
  if (!rule.words.empty()) return rule.words;
  const auto index = rule.index ? text(*rule.index) : "*";
  return rule.job == "*" ? text("*.", rule.port) : text(rule.job, "[", index, "].", rule.port);
}

std::string shown(const Place& place) {
  return text(place.file, ":", place.line);
}

std::string shown(const QueueTypeWord& word) {
  if (word.spread) return std::string(queue::to_string(*word.spread));
  return word.plugin.empty() ? std::string(queue::to_string(word.type)) : word.plugin;
}

std::string shown(const std::vector<CodecWord>& chain) {
  std::string words;
  for (const auto& codec : chain) words += text(words.empty() ? "" : " ", model::shown(codec));
  return words.empty() ? "raw" : words;
}

std::string shown(std::uint32_t number) {
  return text(number);
}
std::string shown(std::uint64_t number) {
  return text(number);
}
std::string shown(Bytes size) {
  return to_string(size);
}
std::string shown(Duration time) {
  return mvm::to_string(time);
}
std::string shown(queue::Overflow overflow) {
  return std::string(queue::to_string(overflow));
}
std::string shown(queue::Transport transport) {
  return std::string(queue::to_string(transport));
}

std::string late_words(bool drop) {
  return drop ? "drop" : "deliver";
}
std::string ttl_words(Duration time) {
  return time == Duration(0) ? "none" : mvm::to_string(time);
}
std::string limit_words(Duration interval) {
  return interval == Duration(0) ? "none" : rate_words(interval);
}
std::string width_words(std::uint64_t bits) {
  return bits == 0 ? "none" : bandwidth_words(bits);
}

std::string joined(const std::vector<std::string>& names) {
  std::string words;
  for (const auto& name : names) words += text(words.empty() ? "" : " ", name);
  return words;
}

}  // namespace

/// Rules of one rank that match one end have the same selector. They are compared by that, so that
/// a contradiction is found although the rules match nothing yet.
void QueueRules::check_contradictions() {
  using Selector = std::tuple<std::string_view, std::optional<std::uint32_t>, std::string_view>;
  std::map<Selector, std::vector<const QueueRule*>> alike;
  for (const auto& rule : profile_.queues) {
    alike[{rule.job, rule.index, rule.port}].push_back(&rule);
  }
  const auto show = [](const auto& value) { return shown(value); };
  for (const auto& [selector, rules] : alike) {
    check_agreement(rules, &QueueRule::type, "type", show);
    check_agreement(rules, &QueueRule::overflow, "overflow", show);
    check_agreement(rules, &QueueRule::capacity, "capacity", show);
    check_agreement(rules, &QueueRule::bytes, "bytes", show);
    check_agreement(rules, &QueueRule::levels, "levels", show);
    check_agreement(rules, &QueueRule::drop_late, "late", late_words);
    check_agreement(rules, &QueueRule::time_to_live, "ttl", ttl_words);
    check_agreement(rules, &QueueRule::interval, "rate", limit_words);
    check_agreement(rules, &QueueRule::latency, "latency", show);
    check_agreement(rules, &QueueRule::jitter, "jitter", show);
    check_agreement(rules, &QueueRule::bits_per_second, "bandwidth", width_words);
    check_agreement(rules, &QueueRule::loss_ppb, "loss", part_words);
    check_agreement(rules, &QueueRule::seed, "seed", show);
    check_agreement(rules, &QueueRule::codecs, "codec", show);
    check_agreement(rules, &QueueRule::transport, "transport", show);
  }
}

template <typename T, typename Show>
void QueueRules::check_agreement(const std::vector<const QueueRule*>& rules,
                                 std::optional<T> QueueRule::* setting, std::string_view attribute,
                                 Show show) {
  const QueueRule* earlier = nullptr;
  for (const auto* rule : rules) {
    const auto& wanted = rule->*setting;
    if (!wanted) continue;
    const auto* other = std::exchange(earlier, rule);
    if (other == nullptr || other->*setting == wanted) continue;
    if (!contradicting_.insert({other, rule}).second) continue;
    complain(*rule, text(attribute, "=\"", show(*wanted), "\" contradicts ", attribute, "=\"",
                         show(*(other->*setting)), "\" of the equally specific rule on '",
                         shown(*other), "' at ", shown(other->place),
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

/// Only tasks load plugins; at an open port the queue VM encodes, decodes and ranks.
void QueueRules::check_outside_plugins(const Merged& merged, const OpenEdge& edge) {
  const auto refuse = [&](const QueueRule& rule, std::string_view what, const std::string& name) {
    const auto& open = profile_.openings[edge.statement];
    if (!said_.emplace(&rule, &open.place, what).second) return;
    complain(rule, text("the ", what, " '", name, "' is one of your own, which only tasks load, ",
                        "but programs outside use this queue, too, through ", kOutsideJob, ".",
                        open.port, " at ", shown(open.place), ": choose one of MVM's for it"));
  };
  if (edge.enters && merged.spec.type == queue::QueueType::kCustom) {
    refuse(*merged.type_rule, "type", merged.type_rule->type->plugin);
  }
  if (merged.codec_rule == nullptr) return;
  for (const auto& codec : *merged.codec_rule->codecs) {
    if (!codec.plugin.empty()) refuse(*merged.codec_rule, "codec", codec.plugin);
  }
}

void QueueRules::complain(const QueueRule& rule, std::string message) {
  complaints_.push_back(
      {rule.place.file, rule.place.line, text("queue rule on '", shown(rule), "': ", message)});
}

void QueueRules::complain_receivers_differ(const Feeder& feeder) {
  if (!said_.emplace(nullptr, feeder.place, "receivers").second) return;
  complaints_.push_back(
      {feeder.place->file, feeder.place->line,
       text("this ", feeder.element == "open" ? "open port" : feeder.element,
            " is one shared queue, but queue rules tell its receivers apart: let them name ",
            feeder.receivers, ", not single tasks")});
}

void QueueRules::complain_spread(const QueueRule& rule, const Feeder& feeder) {
  if (!said_.emplace(&rule, feeder.place, "spread").second) return;
  const auto type = text("type=\"", shown(*rule.type), "\"");
  const auto statement = text("<", feeder.element, "> at ", shown(*feeder.place));
  if (feeder.written) {
    const auto spread = text("spread=\"", queue::to_string(*feeder.written), "\"");
    complain(rule,
             text(type, " contradicts ", spread, " of the ", statement, ": remove one of them"));
    complaints_.push_back({feeder.place->file, feeder.place->line,
                           text(spread, " contradicts ", type, " of the queue rule on '",
                                shown(rule), "' at ", shown(rule.place), ": remove one of them")});
  } else if (feeder.element == "graph" || feeder.receivers.starts_with(kOutsideJob)) {
    complain(rule, text(type, " says how several tasks receive, but the ", statement,
                        " gives each of these queues one receiver: let the rule name only ports "
                        "that a <link> or <open to=> leads to, or use type=\"fifo\""));
  } else {
    complain(rule, text(type, " tells some receivers of the ", statement,
                        " from the others: let it name ", feeder.receivers));
  }
}

Diagnostics QueueRules::complaints(const Gaps& gaps) {
  for (const auto& ranked : ranked_) {
    // Each look at the whole topology takes a while, and nobody reads more.
    if (complaints_.size() > kMaxDiagnostics) break;
    if (gaps.may_match(*ranked.rule)) continue;
    if (ranked.matched) {
      complain_useless(ranked);
    } else {
      complain_unmatched(*ranked.rule, gaps);
    }
  }
  return std::exchange(complaints_, {});
}

void QueueRules::complain_useless(const Ranked& ranked) {
  const auto& rule = *ranked.rule;
  if (rule.levels && !ranked.useful[kLevels]) {
    complain(rule, text("levels=\"", *rule.levels,
                        "\" means nothing here: only type=\"priority\" has levels; set that type, "
                        "or remove it"));
  }
  if (rule.drop_late && !ranked.useful[kLate]) {
    complain(rule, text("late=\"", late_words(*rule.drop_late),
                        "\" means nothing here: only type=\"deadline\" has late messages; set that "
                        "type, or remove it"));
  }
  if (rule.seed && !ranked.useful[kSeed]) {
    complain(rule, text("seed=\"", *rule.seed,
                        "\" means nothing here: it is for loss and jitter; add one of them, or "
                        "remove it"));
  }
}

void QueueRules::complain_unmatched(const QueueRule& rule, const Gaps& gaps) {
  std::vector<std::string> jobs;
  for (const auto& job : profile_.jobs) jobs.push_back(job.name);
  const auto job = std::ranges::find(profile_.jobs, rule.job, &JobModel::name);
  if (rule.job != "*" && rule.job != kOutsideJob && job == profile_.jobs.end()) {
    return complain(rule, text("unknown job '", rule.job, "'", did_you_mean(rule.job, jobs)));
  }
  const bool counted = job != profile_.jobs.end() && job->count > 0;
  if (counted && rule.index && *rule.index >= job->count) {
    return complain(rule, text("job '", rule.job, "' has ", job->count,
                               job->count == 1 ? " task" : " tasks", ", numbered from 0"));
  }
  const auto [receives, sends] = ports_of(rule);
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
    return complain(rule, rule.job == kOutsideJob
                              ? "matches nothing, because no port is open to programs outside: add "
                                "an <open from=>"
                              : "matches nothing, because no edge arrives there: add a <graph> or "
                                "<link>");
  }
  complain(rule, text("matches no receiving port", did_you_mean(rule.port, receiving),
                      " (there are: ", joined(receiving), ")"));
}

QueueRules::PortUse QueueRules::ports_of(const QueueRule& rule) const {
  const auto is_meant = [&](std::uint32_t vertex) {
    const auto& task = topology_.vertices[vertex];
    return (rule.job == "*" || profile_.jobs[task.job].name == rule.job) &&
           (!rule.index || *rule.index == task.index);
  };
  const bool outside = rule.job == kOutsideJob || (rule.job == "*" && !rule.index);
  PortUse use;
  use.receives.resize(topology_.ports.size());
  use.sends.resize(topology_.ports.size());
  for (const auto& edge : topology_.edges) {
    if (is_meant(edge.to)) use.receives[edge.to_port] = true;
    if (is_meant(edge.from)) use.sends[edge.from_port] = true;
  }
  for (const auto& edge : topology_.open_edges) {
    auto& at_task = edge.enters ? use.receives : use.sends;
    auto& at_outside = edge.enters ? use.sends : use.receives;
    if (is_meant(edge.task)) at_task[edge.task_port] = true;
    if (outside) at_outside[edge.outside_port] = true;
  }
  return use;
}

}  // namespace mvm::model
