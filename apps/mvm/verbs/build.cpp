// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <mvm/base/file.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "job_programs.hpp"
#include "json_line.hpp"
#include "loaded_profile.hpp"
#include "table.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

/// Calls `show` with the kind ("job" or "plugin"), the name, and what was built, for each.
template <typename Show>
void for_each_built(const model::Profile& profile, const BuiltProfile& built, const Show& show) {
  for (std::size_t i = 0; i < built.programs.size(); ++i) {
    show("job", profile.jobs[i].name, built.programs[i]);
  }
  for (std::size_t i = 0; i < built.plugins.size(); ++i) {
    show("plugin", profile.plugins[i].name, built.plugins[i]);
  }
}

std::string json_lines(const model::Profile& profile, const BuiltProfile& built) {
  std::string out;
  for_each_built(profile, built, [&out](const char* kind, const std::string& name, const auto& it) {
    out += JsonLine()
               .add(kind, name)
               .add("program", it.program.string())
               .add("cached", it.from_cache)
               .add("seconds", std::chrono::duration<double>(it.took).count())
               .to_string();
  });
  return out;
}

std::string table(const model::Profile& profile, const BuiltProfile& built) {
  Table rows({"JOB", "STATE", "TIME", "PROGRAM"});
  for_each_built(profile, built, [&rows](const char*, const std::string& name, const auto& it) {
    rows.add({name, it.from_cache ? "cached" : "built", to_string(Duration(it.took)),
              it.program.string()});
  });
  return rows.to_string();
}

int build_profile(const Arguments& arguments) {
  const auto profile = read_profile("build", arguments);
  if (!profile) return 1;
  build::Builder builder(build_settings(*profile));
  const bool quiet = arguments.has("quiet");
  const auto built = build_jobs(builder, *profile, quiet);
  if (!built) {
    complain("build", built.error());
    return build_failure_status(built.error());
  }
  if (quiet) return 0;
  const auto words =
      arguments.value("output") == "json" ? json_lines(*profile, *built) : table(*profile, *built);
  return write_all(STDOUT_FILENO, words) ? 0 : 1;
}

}  // namespace

Verb build_verb() {
  return {
      .name = "build",
      .summary = "Compile the jobs of a profile",
      .description = {"Builds each job's program with the system's compiler, or finds it in the "
                      "cache, which knows programs by the content of their sources, of every "
                      "header that they reach, and by the options and the compiler. 'mvm run' does "
                      "the same by itself."},
      .positionals = {profile_positional()},
      .options = {parameter_option(),
                  {.name = "output",
                   .letter = 'o',
                   .value = "FORMAT",
                   .help = "How to print what was built.",
                   .choices = {"table", "json"}},
                  {.name = "quiet", .letter = 'q', .help = "Print nothing but errors."}},
      .examples = {{"mvm build examples/heat", "Compile, and show what came from the cache."}},
      .exits = {{"0", "Every program is there."},
                {"1", "The profile is not valid."},
                {"2", "Wrong usage."},
                {"125", "An option of <build> cannot be."},
                {"126", "A job does not compile, or the compiler or the cache failed."},
                {"130", "Interrupted."}},
      .run = build_profile,
  };
}

}  // namespace mvm::cli
