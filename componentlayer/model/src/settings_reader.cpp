// SPDX-License-Identifier: GPL-3.0-or-later
#include "settings_reader.hpp"

#include <mvm/model/plan.hpp>

namespace mvm::model {
namespace {

/// What the format knows and this version refuses by name.
const std::vector<std::string> kLaterMachineKinds{"sandbox", "container", "vm"};

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

void read_deadlock(const XmlElement& element, Reading& reading, PolicyModel& policy) {
  const auto action = reading.choice<DeadlockAction>(element, "action",
                                                     {{"end", DeadlockAction::kEnd},
                                                      {"report", DeadlockAction::kReport},
                                                      {"ignore", DeadlockAction::kIgnore}});
  if (action) policy.deadlock = *action;
}

void read_links(const XmlElement& element, Reading& reading, PolicyModel& policy) {
  if (const auto trusted = reading.flag(element, "trusted")) policy.trusted_network = *trusted;
  const auto time = positive(element, "reconnect", reading);
  if (!time) return;
  policy.reconnect = *time;
  if (*time <= kMaxReconnect) return;
  reading.complain(element, "reconnect", "reconnect of <links> is ", mvm::to_string(*time),
                   "; at most ", mvm::to_string(kMaxReconnect), " are possible");
}

}  // namespace

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
    if (child.name == "deadlock") read_deadlock(child, reading, policy);
    if (child.name == "links") read_links(child, reading, policy);
  }
}

}  // namespace mvm::model
