// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <mvm/base/file.hpp>
#include <mvm/run/known_group.hpp>

#include "arguments.hpp"
#include "log_files.hpp"
#include "shell_completion.hpp"
#include "verbs/verbs.hpp"

#include <mvm/model/profile.hpp>

namespace mvm::cli {
namespace {

std::string parameter_names(const std::string& profile_words) {
  std::string out;
  const auto file = model::find_profile(profile_words);
  if (!file) return out;
  const auto profile = model::read_profile(
      *file,
      {.profile_folders = model::default_profile_folders(), .schema = model::default_schema()});
  if (!profile) return out;
  for (const auto& parameter : profile->parameters) out += parameter.name + "=\n";
  return out;
}

std::string group_names() {
  std::string out;
  for (const auto& known : run::known_groups()) out += known.group + "\n";
  return out;
}

std::string task_names(const std::string& group_words) {
  std::string out;
  const auto known = run::find_group(group_words);
  if (!known) return out;
  for (const auto& log : log_files(known->path)) out += log.task + "\n";
  return out;
}

/// Whatever goes wrong, a shell in the middle of a line only wants words or nothing.
int complete(const Arguments& arguments) {
  const auto kind = arguments.value("KIND");
  const auto context = arguments.value("CONTEXT");
  const auto words = kind == "parameters" ? parameter_names(context)
                     : kind == "groups"   ? group_names()
                                          : task_names(context);
  return write_all(STDOUT_FILENO, words) ? 0 : 1;
}

}  // namespace

Verb completion_verb(const Program& program) {
  return {
      .name = "completion",
      .summary = "Print a script that completes the words of mvm in a shell",
      .description = {"The packages install these scripts where the shells look for them; this "
                      "verb is for everybody else."},
      .positionals = {{.name = "SHELL", .help = "The shell.", .choices = {"bash", "zsh"}}},
      .examples = {{"source <(mvm completion bash)", "Complete in this bash."},
                   {"mvm completion zsh > ~/.zfunc/_mvm",
                    "Install for a zsh whose fpath has "
                    "~/.zfunc."}},
      .exits = {{"0", "The script was printed."}, {"2", "Wrong usage."}},
      .run =
          [&program](const Arguments& arguments) {
            const auto script = arguments.value("SHELL") == "bash" ? bash_completion(program)
                                                                   : zsh_completion(program);
            return write_all(STDOUT_FILENO, script) ? 0 : 1;
          },
  };
}

Verb complete_verb() {
  return {
      .name = "complete",
      .summary = "Print words for the completion scripts",
      .positionals = {{.name = "KIND",
                       .help = "What is wanted.",
                       .choices = {"parameters", "groups", "tasks"}},
                      {.name = "CONTEXT",
                       .help = "The profile of the parameters, the group of the tasks.",
                       .required = false}},
      .run = complete,
      .internal = true,
  };
}

}  // namespace mvm::cli
