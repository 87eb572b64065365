// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <set>

#include <mvm/base/diagnostic.hpp>
#include <mvm/model/profile.hpp>
#include <mvm/queuelayer/wiring_plan.hpp>

namespace mvm::model {

/// Expands the words of one job for each of its tasks: arguments, environment, inputs (made
/// absolute, and looked for) and outputs, with `index` and `count` in scope.
class TaskWords {
 public:
  /// `job` must outlive the object.
  explicit TaskWords(const JobModel& job);

  /// Fills the words of a task whose index is set.
  void fill(queue::TaskSpec& task);

  /// Each complaint once, however many tasks it concerns.
  [[nodiscard]] const Diagnostics& complaints() const { return complaints_; }

 private:
  void add_wrapper_words(const CommandModel& command, queue::TaskSpec& task);
  std::string expanded(const std::string& words);
  void look_for(const std::filesystem::path& input);
  void complain(std::string message);

  const JobModel& job_;
  Scope scope_;
  std::set<std::filesystem::path> looked_for_;
  std::set<std::string> said_;
  Diagnostics complaints_;
};

}  // namespace mvm::model
