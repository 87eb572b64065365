// SPDX-License-Identifier: GPL-3.0-or-later
#include "settings_reader.hpp"

#include <algorithm>
#include <array>

#include <mvm/model/plan.hpp>

#include "selector.hpp"
#include "wording.hpp"

namespace mvm::model {
namespace {

/// What the format knows and this version refuses by name.
constexpr std::array kLaterQueueAttributes{"levels", "codec",     "latency", "jitter",
                                           "loss",   "bandwidth", "ttl",     "rate"};
const std::vector<std::string> kLaterQueueTypes{"priority", "lifo",   "latest",
                                                "deadline", "shared", "each"};
const std::vector<std::string> kLaterOverflows{"drop-oldest", "drop-newest", "fail"};
const std::vector<std::string> kLaterMachineKinds{"sandbox", "container", "vm"};

void read_rule(const XmlElement& element, Reading& reading, const JobNames& jobs,
               Profile& profile) {
  QueueRule rule;
  rule.place = reading.place(element);
  for (const auto* later : kLaterQueueAttributes) {
    if (element.attribute(later) == nullptr) continue;
    reading.complain(element, later, later,
                     " of <queue> is known, but not available in this "
                     "version; remove it");
  }
  rule.type = reading.choice<QueueTypeWord>(element, "type", {{"fifo", {}}}, kLaterQueueTypes);
  rule.overflow = reading.choice<queue::Overflow>(
      element, "overflow", {{"block", queue::Overflow::kBlock}}, kLaterOverflows);
  rule.capacity = reading.whole(element, "capacity", 1, queue::kMaxCapacity);
  rule.bytes = reading.size(element, "bytes");
  if (rule.bytes && *rule.bytes > queue::kMaxQueueBytes) {
    reading.complain(element, "bytes", "bytes of <queue> is ", to_string(*rule.bytes),
                     "; a queue holds at most ", to_string(queue::kMaxQueueBytes));
    rule.bytes.reset();
  }
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
  if (selector->job != "*") {
    if (!jobs.check(element, "on", selector->job, reading)) return;
    if (selector->index &&
        !jobs.check_index(element, "on", selector->job, *selector->index, reading)) {
      return;
    }
  }
  rule.job = selector->job;
  rule.index = selector->index;
  rule.port = selector->port;
  rule.words = *words;
  profile.queues.push_back(std::move(rule));
}

void read_machines(const XmlElement& element, Reading& reading, Profile& profile) {
  MachinesStatement machines;
  machines.place = reading.place(element);
  machines.count = reading.whole(element, "count", 1, kMaxMachines).value_or(1);
  const auto kind =
      reading.choice<std::string>(element, "kind", {{"process", "process"}}, kLaterMachineKinds);
  if (kind) machines.kind = *kind;
  machines.cpus = reading.whole(element, "cpus", 1, kMaxCpus);
  machines.memory = reading.size(element, "memory");
  profile.machines.push_back(std::move(machines));
}

void read_placement(const XmlElement& element, Reading& reading, PolicyModel& policy) {
  const auto by = reading.choice<PlacementBy>(element, "by",
                                              {{"topology", PlacementBy::kTopology},
                                               {"round-robin", PlacementBy::kRoundRobin},
                                               {"packed", PlacementBy::kPacked}});
  if (by) policy.placement = *by;
  policy.pin = reading.flag(element, "pin").value_or(policy.pin);
}

/// A limit of no time at all would end everything at once; it is taken for a mistake.
std::optional<Duration> positive(const XmlElement& element, std::string_view attribute,
                                 Reading& reading) {
  const auto duration = reading.duration(element, attribute);
  if (!duration || duration->count() > 0) return duration;
  reading.complain(element, attribute, attribute, " of <", element.name,
                   "> is zero; write a time above zero, or remove it");
  return {};
}

void read_limits(const XmlElement& element, Reading& reading, PolicyModel& policy) {
  policy.wall_time = positive(element, "wall-time", reading).value_or(policy.wall_time);
  policy.build_time = positive(element, "build-time", reading).value_or(policy.build_time);
  policy.grace = reading.duration(element, "grace").value_or(policy.grace);
  policy.memory = reading.size(element, "memory");
}

void read_on_failure(const XmlElement& element, Reading& reading, PolicyModel& policy) {
  if (element.attribute("restart") != nullptr) {
    reading.complain(element, "restart",
                     "restart of <on-failure> is known, but not available in "
                     "this version; use action=\"end\" or action=\"continue\"");
  }
  const auto ends = reading.choice<bool>(element, "action", {{"end", true}, {"continue", false}});
  if (ends) policy.end_on_failure = *ends;
}

}  // namespace

void read_queues(const XmlElement& element, Reading& reading, const JobNames& jobs,
                 Profile& profile) {
  for (const auto& child : element.children) {
    if (child.name != "queue") continue;
    if (profile.queues.size() == kMaxQueueRules) {
      reading.complain(child, "", "the profile has more than ", kMaxQueueRules,
                       " queue rules; let a selector such as job[*].* name many queues");
      return;
    }
    read_rule(child, reading, jobs, profile);
  }
}

void read_cluster(const XmlElement& element, Reading& reading, DocumentLibrary& library,
                  Profile& profile) {
  const auto followed =
      library.follow(element, reading, [&](const XmlElement& inner, Reading& inner_reading) {
        read_cluster(inner, inner_reading, library, profile);
      });
  if (followed != Followed::kNoReference) return;
  for (const auto& child : element.children) {
    if (child.name == "machines") read_machines(child, reading, profile);
  }
}

void read_policy(const XmlElement& element, Reading& reading, PolicyModel& policy) {
  for (const auto& child : element.children) {
    if (child.name == "placement") read_placement(child, reading, policy);
    if (child.name == "limits") read_limits(child, reading, policy);
    if (child.name == "on-failure") read_on_failure(child, reading, policy);
  }
}

}  // namespace mvm::model
