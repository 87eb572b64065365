// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <mvm/base/file.hpp>

#include "arguments.hpp"
#include "loaded_profile.hpp"
#include "table.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

std::string ports_of(const queue::TaskSpec& task) {
  std::string out;
  for (const auto& port : task.ports) {
    if (!port.name.starts_with(queue::kHiddenMark)) out += (out.empty() ? "" : " ") + port.name;
  }
  return out;
}

std::string task_table(const model::Plan& plan) {
  Table table({"TASK", "MACHINE", "CORE", "RUNS AS", "PORTS"});
  for (std::size_t machine = 0; machine < plan.wiring.size(); ++machine) {
    for (const auto& task : plan.wiring[machine].tasks) {
      const auto core = plan.core_of[task.id];
      table.add({task.name(), plan.machines[machine].name, core < 0 ? "any" : text(core),
                 task.worker ? text("fiber of worker ", *task.worker) : "process", ports_of(task)});
    }
  }
  return table.to_string();
}

std::string queue_table(const LoadedProfile& loaded) {
  Table table({"QUEUES ON", "COUNT", "SETTINGS"});
  for (const auto& queues : model::plan_queues(loaded.profile, loaded.plan)) {
    table.add({queues.on, text(queues.queues), queues.settings});
  }
  return table.to_string();
}

std::string words_of(const LoadedProfile& loaded, const Arguments& arguments) {
  if (arguments.value("output") == "json") return model::plan_json(loaded.profile, loaded.plan);
  auto words = model::plan_table(loaded.profile, loaded.plan);
  if (arguments.has("tasks")) words += "\n" + task_table(loaded.plan);
  if (arguments.has("queues")) words += "\n" + queue_table(loaded);
  return words;
}

int plan(const Arguments& arguments) {
  const auto loaded = load_profile("plan", arguments);
  if (!loaded) return 1;
  auto words = words_of(*loaded, arguments);
  if (!words.ends_with('\n')) words += '\n';
  return write_all(STDOUT_FILENO, words) ? 0 : 1;
}

}  // namespace

Verb plan_verb() {
  return {
      .name = "plan",
      .summary = "Show where each task would run and what that costs",
      .description = {"Maps tasks to machines and cores so that neighbours stay together, and "
                      "shows how many edges of the topology cross a border, next to what dealing "
                      "the tasks out in turn would give. Nothing is built or run."},
      .positionals = {profile_positional()},
      .options = {parameter_option(),
                  {.name = "output",
                   .letter = 'o',
                   .value = "FORMAT",
                   .help = "How to print the plan.",
                   .choices = {"table", "json"}},
                  {.name = "tasks", .help = "List every task with its core and ports, too."},
                  {.name = "queues",
                   .help = "List the queues with their types and policies, too; those that are "
                           "alike on one line."}},
      .examples = {{"mvm plan examples/heat -p side=16", "Where the 256 tasks would go."},
                   {"mvm plan examples/heat -o json", "The same for a program."}},
      .exits = {{"0", "The plan was printed."},
                {"1", "The profile cannot be planned; the mistakes are on standard error."},
                {"2", "Wrong usage."}},
      .run = plan,
  };
}

}  // namespace mvm::cli
