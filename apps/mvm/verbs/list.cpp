// SPDX-License-Identifier: GPL-3.0-or-later
#include <time.h>
#include <unistd.h>

#include <mvm/base/file.hpp>
#include <mvm/run/known_group.hpp>

#include "arguments.hpp"
#include "json_line.hpp"
#include "table.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

std::string utc(std::chrono::system_clock::time_point when) {
  const auto seconds = std::chrono::system_clock::to_time_t(when);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  char words[32];
  ::strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return words;
}

bool has_ended(const run::KnownGroup& known) {
  return known.state != run::GroupState::kRunning && known.state != run::GroupState::kLost;
}

std::string ids(const std::vector<run::KnownGroup>& groups) {
  std::string out;
  for (const auto& known : groups) out += known.group + "\n";
  return out;
}

std::string json_lines(const std::vector<run::KnownGroup>& groups) {
  std::string out;
  for (const auto& known : groups) {
    JsonLine line;
    line.add("group", known.group).add("state", to_string(known.state));
    if (has_ended(known))
      line.add("exit_status", known.exit_status);
    else
      line.add_null("exit_status");
    line.add("started", utc(known.started))
        .add("cause", known.cause)
        .add("directory", known.path.string());
    out += line.to_string();
  }
  return out;
}

std::string table(const std::vector<run::KnownGroup>& groups) {
  Table rows({"GROUP", "STATE", "EXIT", "STARTED", "DIRECTORY"});
  for (const auto& known : groups) {
    rows.add({known.group, std::string(to_string(known.state)),
              has_ended(known) ? text(known.exit_status) : "-", utc(known.started),
              known.path.string()});
  }
  return rows.to_string();
}

int list(const Arguments& arguments) {
  const auto groups = run::known_groups();
  const auto words = arguments.has("quiet")                ? ids(groups)
                     : arguments.value("output") == "json" ? json_lines(groups)
                                                           : table(groups);
  return write_all(STDOUT_FILENO, words) ? 0 : 1;
}

}  // namespace

Verb list_verb() {
  return {
      .name = "list",
      .summary = "List the groups that run or ran, newest first",
      .description = {"A group stays listed as long as its run directory exists. State LOST means "
                      "that its 'mvm run' was killed before the group ended."},
      .options = {{.name = "output",
                   .letter = 'o',
                   .value = "FORMAT",
                   .help = "How to print the list; json gives one object per line.",
                   .choices = {"table", "json"}},
                  {.name = "quiet", .letter = 'q', .help = "Print group ids only."}},
      .examples = {{"mvm list", "What ran, and how it ended."},
                   {"mvm list -q | head -1", "The id of the newest group."}},
      .exits = {{"0", "Also when the list is empty."}, {"2", "Wrong usage."}},
      .run = list,
  };
}

}  // namespace mvm::cli
