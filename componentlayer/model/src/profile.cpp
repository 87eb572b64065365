// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/model/profile.hpp>

#include <algorithm>

namespace mvm::model {

std::string_view to_string(CommandFormat format) {
  return format == CommandFormat::kLines ? "lines" : "frames";
}

const JobModel* Profile::find_job(std::string_view wanted) const {
  const auto found = std::ranges::find(jobs, wanted, &JobModel::name);
  return found == jobs.end() ? nullptr : &*found;
}

std::size_t Profile::task_count() const {
  std::size_t count = 0;
  for (const auto& job : jobs) count += job.count;
  return count;
}

}  // namespace mvm::model
