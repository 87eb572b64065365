// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <mvm/base/file.hpp>

#include "arguments.hpp"
#include "loaded_profile.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

int validate(const Arguments& arguments) {
  const auto loaded = load_profile("validate", arguments);
  if (!loaded) return 1;
  if (arguments.has("quiet")) return 0;
  const auto& figures = loaded->plan.figures;
  const auto words = text(arguments.value("PROFILE"), ": valid: ", figures.tasks, " tasks of ",
                          loaded->profile.jobs.size(), " jobs, ", figures.edges, " edges, ",
                          loaded->plan.machines.size(), " machines\n");
  return write_all(STDOUT_FILENO, words) ? 0 : 1;
}

}  // namespace

Verb validate_verb() {
  return {
      .name = "validate",
      .summary = "Check a profile and everything that it refers to",
      .description = {"Reads the profile, expands its topology and plans it, without building or "
                      "running anything. All mistakes are reported in one go on standard error, "
                      "one line each, as FILE:LINE: MESSAGE."},
      .positionals = {profile_positional()},
      .options = {parameter_option(),
                  {.name = "quiet", .letter = 'q', .help = "Print nothing when it is valid."}},
      .examples = {{"mvm validate heat.mvm.xml", "Check a profile as it stands."},
                   {"mvm validate examples/heat -p side=64",
                    "Check the profile of a folder for another size."}},
      .exits = {{"0", "The profile is valid."},
                {"1", "It is not; the mistakes are on standard error."},
                {"2", "Wrong usage."}},
      .run = validate,
  };
}

}  // namespace mvm::cli
