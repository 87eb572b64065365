// SPDX-License-Identifier: GPL-3.0-or-later
#include "job_names.hpp"

#include "wording.hpp"

namespace mvm::model {

void JobNames::add(const std::string& name, std::uint32_t count, const Place& place) {
  jobs_.emplace(name, Job{count, place});
}

const Place* JobNames::find(const std::string& name) const {
  const auto job = jobs_.find(name);
  return job == jobs_.end() ? nullptr : &job->second.place;
}

bool JobNames::check(const XmlElement& element, std::string_view attribute, const std::string& name,
                     Reading& reading) const {
  if (jobs_.contains(name) || !complete_) return true;
  if (reading.has_enough()) return false;  // comparing with every name would take long
  std::vector<std::string> known;
  for (const auto& job : jobs_) known.push_back(job.first);
  reading.complain(element, attribute, attribute, " of <", element.name, "> names job '",
                   excerpt(name), "', which the profile does not declare",
                   meant_or_allowed(name, known));
  return false;
}

bool JobNames::check_index(const XmlElement& element, std::string_view attribute,
                           const std::string& name, std::uint32_t index, Reading& reading) const {
  const auto job = jobs_.find(name);
  if (job == jobs_.end() || job->second.count == 0 || index < job->second.count) return true;
  reading.complain(element, attribute, attribute, " of <", element.name, "> names ", name, "[",
                   index, "], but '", name, "' has ", job->second.count,
                   job->second.count == 1 ? " task" : " tasks", "; the last is ", name, "[",
                   job->second.count - 1, "]");
  return false;
}

}  // namespace mvm::model
