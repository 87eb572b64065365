// SPDX-License-Identifier: GPL-3.0-or-later
#include "task_words.hpp"

#include <system_error>

#include <mvm/model/expression.hpp>

namespace mvm::model {

TaskWords::TaskWords(const JobModel& job) : job_(job), scope_(job.scope) {
  scope_["count"] = static_cast<double>(job.count);
}

void TaskWords::fill(queue::TaskSpec& task) {
  scope_["index"] = static_cast<double>(task.index);
  if (job_.command) add_wrapper_words(*job_.command, task);
  for (const auto& words : job_.arguments) task.arguments.push_back(expanded(words));
  for (const auto& [name, value] : job_.environment) {
    task.environment.push_back(text(name, "=", expanded(value)));
  }
  for (const auto& words : job_.inputs) {
    const auto input = (job_.folder / expanded(words)).lexically_normal();
    look_for(input);
    task.inputs.push_back(input.string());
  }
  for (const auto& words : job_.outputs) task.outputs.push_back(expanded(words));
}

/// As CommandModel says.
void TaskWords::add_wrapper_words(const CommandModel& command, queue::TaskSpec& task) {
  if (!command.input_port.empty()) task.arguments.push_back("--stdin=" + command.input_port);
  if (!command.output_port.empty()) task.arguments.push_back("--stdout=" + command.output_port);
  task.arguments.push_back(text("--format=", to_string(command.format)));
  task.arguments.emplace_back("--");
  task.arguments.push_back(expanded(command.line));
}

std::string TaskWords::expanded(const std::string& words) {
  auto result = expand(words, scope_);
  if (!result) {
    complain(result.error().message);
    return {};
  }
  if (result->size() > queue::kMaxNameLength) {
    complain(text("the word '", result->substr(0, 40), "…' has ", result->size(),
                  " bytes; at most ", queue::kMaxNameLength,
                  " are possible: pass long values in an <input> file"));
  }
  return *std::move(result);
}

void TaskWords::look_for(const std::filesystem::path& input) {
  if (!looked_for_.insert(input).second) return;
  std::error_code ignored;
  if (!std::filesystem::exists(input, ignored)) {
    complain(text("input ", input.string(), " is not there: create it, or mend <input>"));
  }
}

void TaskWords::complain(std::string message) {
  message = text("job '", job_.name, "': ", message);
  if (!said_.insert(message).second || complaints_.size() >= kMaxDiagnostics) return;
  complaints_.push_back({job_.place.file, job_.place.line, std::move(message)});
}

}  // namespace mvm::model
