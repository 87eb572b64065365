// SPDX-License-Identifier: GPL-3.0-or-later
#include "queue_rule_reader.hpp"

#include <algorithm>
#include <array>

#include "codec_words.hpp"
#include "plugin_reader.hpp"
#include "selector.hpp"
#include "wording.hpp"

namespace mvm::model {
namespace {

using queue::QueueType;

/// The word for a limit that is not there, so that a specific rule can lift a general one.
constexpr std::string_view kNoLimit = "none";

const std::vector<std::pair<std::string, QueueTypeWord>>& type_words() {
  static const std::vector<std::pair<std::string, QueueTypeWord>> words{
      {"fifo", {QueueType::kFifo, "", {}}},
      {"priority", {QueueType::kPriority, "", {}}},
      {"lifo", {QueueType::kLifo, "", {}}},
      {"latest", {QueueType::kLatest, "", {}}},
      {"deadline", {QueueType::kDeadline, "", {}}},
      {"shared", {QueueType::kFifo, "", queue::Spread::kShared}},
      {"each", {QueueType::kFifo, "", queue::Spread::kEach}},
  };
  return words;
}

class QueueRuleReader {
 public:
  QueueRuleReader(const XmlElement& element, Reading& reading, const PluginNames& plugins)
      : element_(element), reading_(reading), plugins_(plugins) {}

  /// Everything but the selector.
  QueueRule read() {
    rule_.place = reading_.place(element_);
    read_type();
    read_room();
    read_times();
    read_emulated_link();
    read_codecs();
    rule_.transport = reading_.choice<queue::Transport>(
        element_, "transport", {{"zmq", queue::Transport::kZmq}, {"tcp", queue::Transport::kTcp}});
    return std::move(rule_);
  }

 private:
  void read_type() {
    const auto* written = element_.attribute("type");
    rule_.type_varies = written != nullptr;  // until it is known
    const auto word = reading_.words(element_, "type");
    if (!word) return;
    std::vector<std::string> known;
    for (const auto& [name, meaning] : type_words()) {
      if (name == *word) rule_.type = meaning;
      known.push_back(name);
    }
    if (plugins_.types.contains(*word)) rule_.type = {QueueType::kCustom, *word, {}};
    if (rule_.type) rule_.type_varies = has_expression(written->value);
    if (rule_.type || !plugins_.are_complete) return;
    known.insert(known.end(), plugins_.types.begin(), plugins_.types.end());
    reading_.complain_value(element_, "type", *word,
                            text("is not a queue type", meant_or_allowed(*word, known)));
  }

  void read_room() {
    rule_.overflow =
        reading_.choice<queue::Overflow>(element_, "overflow",
                                         {{"block", queue::Overflow::kBlock},
                                          {"drop-oldest", queue::Overflow::kDropOldest},
                                          {"drop-newest", queue::Overflow::kDropNewest},
                                          {"fail", queue::Overflow::kFail}});
    rule_.capacity = reading_.whole(element_, "capacity", 1, queue::kMaxCapacity);
    rule_.levels = reading_.whole(element_, "levels", 1, queue::kMaxLevels);
    rule_.bytes = reading_.size(element_, "bytes");
    if (rule_.bytes && *rule_.bytes > queue::kMaxQueueBytes) {
      reading_.complain(element_, "bytes", "bytes of <queue> is ", to_string(*rule_.bytes),
                        "; a queue holds at most ", to_string(queue::kMaxQueueBytes));
      rule_.bytes.reset();
    }
  }

  void read_times() {
    rule_.drop_late = reading_.choice<bool>(element_, "late", {{"deliver", false}, {"drop", true}});
    if (const auto limit = limit_of("ttl", parse_duration)) {
      rule_.time_to_live = limit->value_or(Duration(0));
      if (*limit && **limit == Duration(0)) {
        reading_.complain(element_, "ttl",
                          "ttl of <queue> is zero, so that nothing would ever be received; write a "
                          "time above zero, or none");
      }
      refuse_above("ttl", *rule_.time_to_live, kMaxTimeToLive);
    }
    if (const auto limit = limit_of("rate", parse_rate)) {
      rule_.interval = limit->value_or(Duration(0));
      if (*rule_.interval > kMaxInterval) {
        reading_.complain(element_, "rate",
                          "rate of <queue> is less than one message in 24 hours; write a higher "
                          "one, or none");
      }
    }
  }

  void read_emulated_link() {
    rule_.latency = reading_.duration(element_, "latency");
    if (rule_.latency) refuse_above("latency", *rule_.latency, kMaxLatency);
    rule_.jitter = reading_.duration(element_, "jitter");
    if (rule_.jitter) refuse_above("jitter", *rule_.jitter, kMaxLatency);
    if (const auto limit = limit_of("bandwidth", parse_bandwidth)) {
      rule_.bits_per_second = limit->value_or(0);
      if (*limit && (**limit < kMinBandwidth || **limit > kMaxBandwidth)) {
        reading_.complain_value(element_, "bandwidth", *reading_.words(element_, "bandwidth"),
                                text("is not among ", bandwidth_words(kMinBandwidth), " to ",
                                     bandwidth_words(kMaxBandwidth), "; write none for no limit"));
      }
    }
    if (const auto words = reading_.words(element_, "loss")) {
      const auto part = parse_part(trim(*words));
      if (part) {
        rule_.loss_ppb = *part;
      } else {
        reading_.complain_value(element_, "loss", *words,
                                "is not a part of a whole such as 1% or 0.01, at most 100%");
      }
    }
    const auto seed = reading_.whole(element_, "seed", 0, UINT32_MAX);
    const bool known = (rule_.loss_ppb || element_.attribute("loss") == nullptr) &&
                       (rule_.jitter || element_.attribute("jitter") == nullptr);
    if (seed && known) rule_.seed = *seed;
  }

  void read_codecs() {
    const auto words = reading_.words(element_, "codec");
    if (!words) return;
    auto codecs = parse_codecs(*words, plugins_);
    if (codecs) {
      rule_.codecs = std::move(*codecs);
    } else {
      reading_.complain_value(element_, "codec", *words, codecs.error());
    }
  }

  /// A limit, the word for none, or neither when it is absent or wrong.
  template <typename Value>
  std::optional<std::optional<Value>> limit_of(std::string_view attribute,
                                               Result<Value> (*parse)(std::string_view)) {
    const auto words = reading_.words(element_, attribute);
    if (!words) return {};
    if (trim(*words) == kNoLimit) return std::optional<Value>();
    const auto value = parse(trim(*words));
    if (value) return std::optional<Value>(*value);
    // "'5' is not a rate above zero; write …": the attribute stands for the word.
    const auto& message = value.error().message;
    const auto is = message.find("' is not ");
    reading_.complain_value(
        element_, attribute, *words,
        text(message.substr(is == std::string::npos ? 0 : is + 2), ", or ", kNoLimit));
    return {};
  }

  void refuse_above(std::string_view attribute, Duration time, Duration most) {
    if (time <= most) return;
    reading_.complain(element_, attribute, attribute, " of <queue> is ", mvm::to_string(time),
                      "; at most ", mvm::to_string(most), " are possible");
  }

  const XmlElement& element_;
  Reading& reading_;
  const PluginNames& plugins_;
  QueueRule rule_;
};

bool check_job(const XmlElement& element, const Selector& selector, Reading& reading,
               const JobNames& jobs) {
  if (selector.job == "*") return true;
  if (selector.job != kOutsideJob) {
    return jobs.check(element, "on", selector.job, reading) &&
           (!selector.index ||
            jobs.check_index(element, "on", selector.job, *selector.index, reading));
  }
  if (!selector.index) return true;
  reading.complain(element, "on", "on of <queue> names ", kOutsideJob, "[", *selector.index,
                   "], but programs outside of the group have no numbers; write ", kOutsideJob, ".",
                   selector.port);
  return false;
}

void read_rule(const XmlElement& element, Reading& reading, const JobNames& jobs,
               const PluginNames& plugins, Profile& profile) {
  auto rule = QueueRuleReader(element, reading, plugins).read();
  const auto is_setting = [](const XmlAttribute& attribute) { return attribute.name != "on"; };
  if (std::ranges::none_of(element.attributes, is_setting)) {
    reading.complain(element, "", "<queue> sets nothing; add type, capacity, bytes or overflow");
  }

  const auto words = reading.words(element, "on");
  if (!words) return;
  const auto selector = parse_selector(*words, true);
  if (!selector) {
    reading.complain_value(element, "on", *words,
                           "is not a selector such as job.port, job[2].port, job[*].* or *.*");
    return;
  }
  if (!check_job(element, *selector, reading, jobs)) return;
  rule.job = selector->job;
  rule.index = selector->index;
  rule.port = selector->port;
  rule.words = *words;
  profile.queues.push_back(std::move(rule));
}

}  // namespace

void read_queues(const XmlElement& element, Reading& reading, const JobNames& jobs,
                 Profile& profile) {
  const auto plugins = read_plugins(element, reading, profile.plugins);
  for (const auto& child : element.children) {
    if (child.name != "queue") continue;
    if (profile.queues.size() == kMaxQueueRules) {
      reading.complain(child, "", "the profile has more than ", kMaxQueueRules,
                       " queue rules; let a selector such as job[*].* name many queues");
      return;
    }
    read_rule(child, reading, jobs, plugins, profile);
  }
}

}  // namespace mvm::model
