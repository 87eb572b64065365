// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <algorithm>

#include <mvm/base/file.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "host_check.hpp"
#include "json_line.hpp"
#include "leak_audit.hpp"
#include "table.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

std::string_view word_of(Finding finding) {
  switch (finding) {
    case Finding::kPresent:
      return "ok";
    case Finding::kMissing:
      return "MISSING";
    case Finding::kOptional:
      return "optional";
  }
  return "";
}

std::string table_of(const std::vector<HostCheck>& checks) {
  Table table({"WHAT", "STATE", "DETAIL"});
  for (const auto& check : checks) {
    table.add({check.name, std::string(word_of(check.finding)), check.detail});
  }
  std::string remedies;
  for (const auto& check : checks) {
    if (check.remedy.empty()) continue;
    remedies += text("  ", check.name, ": ", check.remedy, "\n");
  }
  return table.to_string() + (remedies.empty() ? "" : "\nHow to get what lacks:\n" + remedies);
}

int examine_host(bool json) {
  const auto checks = check_host();
  std::string words;
  if (json) {
    for (const auto& check : checks) {
      words += JsonLine()
                   .add("what", check.name)
                   .add("state", word_of(check.finding))
                   .add("detail", check.detail)
                   .add("remedy", check.remedy)
                   .to_string();
    }
  } else {
    words = table_of(checks);
  }
  if (!write_all(STDOUT_FILENO, words)) return 1;
  return std::ranges::find(checks, Finding::kMissing, &HostCheck::finding) == checks.end() ? 0 : 1;
}

int report_leaks(bool json, bool mend) {
  const auto leaks = find_leaks();
  bool all_mended = true;
  Table table({"KIND", "STATE", "NAME", "DETAIL"});
  std::string lines;
  for (const auto& leak : leaks) {
    std::string state = "left over";
    if (mend) {
      const auto mended = leak.mend();
      state = mended ? "removed" : "not removed";
      if (!mended) complain("doctor", mended.error());
      all_mended = all_mended && mended.has_value();
    }
    table.add({leak.kind, state, leak.name, leak.detail});
    lines += JsonLine()
                 .add("kind", leak.kind)
                 .add("state", state)
                 .add("name", leak.name)
                 .add("detail", leak.detail)
                 .to_string();
  }
  std::string words = lines;
  if (!json) words = leaks.empty() ? "nothing is left over\n" : table.to_string();
  if (!write_all(STDOUT_FILENO, words)) return 1;
  return leaks.empty() || (mend && all_mended) ? 0 : 1;
}

int doctor(const Arguments& arguments) {
  const bool json = arguments.value("output") == "json";
  const bool mend = arguments.has("fix");
  if (arguments.has("leaks")) return report_leaks(json, mend);
  if (mend) {
    complain("mvm doctor: --fix works on what --leaks finds; give both");
    return 2;
  }
  return examine_host(json);
}

}  // namespace

Verb doctor_verb() {
  return {
      .name = "doctor",
      .summary = "Tell what this host lacks, or what was left over on it",
      .description = {"Looks at everything that MVM uses on this host, by trying it, and tells how "
                      "to get what is missing.",
                      "With --leaks it looks for what outlived its owner: tasks without a queue "
                      "VM, runtime folders, work folders of killed runs, remains of killed builds. "
                      "What belongs to a living run is never touched."},
      .options = {{.name = "leaks", .help = "Look for what was left over."},
                  {.name = "fix", .help = "With --leaks: end and remove it."},
                  {.name = "output",
                   .letter = 'o',
                   .value = "FORMAT",
                   .help = "How to print the findings; json gives one object per line.",
                   .choices = {"table", "json"}}},
      .examples = {{"mvm doctor", "Can this host run everything?"},
                   {"mvm doctor --leaks --fix", "Clean up after a crash."}},
      .exits = {{"0", "Nothing that is needed is missing; nothing is left over."},
                {"1", "Something is missing, or left over and not removed."},
                {"2", "Wrong usage."}},
      .run = doctor,
  };
}

}  // namespace mvm::cli
