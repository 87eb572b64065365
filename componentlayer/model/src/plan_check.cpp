// SPDX-License-Identifier: GPL-3.0-or-later
#include "plan_check.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "channel_runs.hpp"
#include "placement.hpp"
#include "queue_rules.hpp"
#include "report.hpp"
#include "task_words.hpp"
#include "wording.hpp"

namespace mvm::model {
namespace {

/// The ports of each job's tasks, by name.
class JobPorts {
 public:
  JobPorts(const Profile& profile, const Topology& topology)
      : ports_(topology.ports), receiving_(profile.jobs.size()), sending_(profile.jobs.size()) {
    const auto job = [&](std::uint32_t vertex) { return topology.vertices[vertex].job; };
    for (const auto& edge : topology.edges) {
      sending_[job(edge.from)].insert(edge.from_port);
      receiving_[job(edge.to)].insert(edge.to_port);
    }
    for (const auto& edge : topology.open_edges) {
      (edge.enters ? receiving_ : sending_)[job(edge.task)].insert(edge.task_port);
    }
  }

  [[nodiscard]] std::vector<std::string> of(std::uint32_t job, bool receiving) const {
    std::vector<std::string> names;
    for (const auto port : (receiving ? receiving_ : sending_)[job]) names.push_back(ports_[port]);
    return names;
  }
  [[nodiscard]] bool has(std::uint32_t job, const std::string& name, bool receiving) const {
    const auto names = of(job, receiving);
    return std::ranges::find(names, name) != names.end();
  }

 private:
  const std::vector<std::string>& ports_;
  std::vector<std::set<std::uint32_t>> receiving_;  // by job
  std::vector<std::set<std::uint32_t>> sending_;
};

Diagnostics check_words(const JobModel& job) {
  TaskWords words(job);
  for (std::uint32_t index = 0; index < job.count; ++index) {
    queue::TaskSpec task;
    task.index = index;
    words.fill(task);
  }
  return words.complaints();
}

Diagnostics check_rules(const Profile& profile, const Topology& topology, const Gaps& gaps) {
  QueueRules rules(profile, topology);
  const auto judge = [&](auto run) { (void)rules.spec_for(run); };
  for_each_channel(topology, judge, judge);
  return rules.complaints(gaps);
}

}  // namespace

Diagnostics check_plan(const Profile& profile, const Topology& topology, const Gaps& gaps,
                       const std::vector<std::uint32_t>& cores) {
  Diagnostics complaints;
  if (auto machines = plan_machines(profile, cores); !machines) {
    append(complaints, std::move(machines.error()));
  }
  for (const auto& job : profile.jobs) append(complaints, check_words(job));
  append(complaints, check_rules(profile, topology, gaps));
  append(complaints, check_commands(profile, topology, gaps));
  return complaints;
}

Diagnostics check_commands(const Profile& profile, const Topology& topology, const Gaps& gaps) {
  Diagnostics complaints;
  if (std::ranges::none_of(profile.jobs, [](const auto& job) { return job.command.has_value(); })) {
    return complaints;
  }
  const JobPorts ports(profile, topology);
  for (std::uint32_t job = 0; job < profile.jobs.size(); ++job) {
    const auto& model = profile.jobs[job];
    // What a gap sends from is not known, so it may be this port.
    if (!model.command || model.count == 0 || !gaps.empty()) continue;
    const auto check = [&](const std::string& port, bool receives, std::string_view attribute) {
      if (port.empty() || ports.has(job, port, receives)) return;
      const auto there = ports.of(job, receives);
      complaints.push_back(
          {model.command->place.file, model.command->place.line,
           text(attribute, "=\"", port, "\" of <command>: no task of job '", model.name,
                receives ? "' receives at" : "' sends from", " such a port",
                there.empty()
                    ? std::string(": add a <graph>, <link> or <open> that gives it one")
                    : text(did_you_mean(port, there), " (there are: ", list_of(there), ")"))});
    };
    check(model.command->input_port, true, "stdin");
    check(model.command->output_port, false, "stdout");
  }
  return complaints;
}

}  // namespace mvm::model
