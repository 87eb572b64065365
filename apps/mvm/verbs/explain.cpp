// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <mvm/base/file.hpp>
#include <mvm/run/group_door.hpp>
#include <mvm/run/known_group.hpp>
#include <mvm/run/run_directory.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "group_view.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

/// What is known of a group that does not run any more.
std::string end_of(const run::KnownGroup& known) {
  auto words = text(known.group, ": ", to_string(known.state));
  if (!known.cause.empty()) words += ": " + known.cause;
  words += '\n';
  const auto deadlock = read_file(known.path / run::kDeadlockFile, 16_MiB);
  return deadlock ? words + *deadlock : words;
}

Result<std::string> explanation_of(const std::string& group) {
  auto door = run::DoorCall::to(group);
  if (!door) return fail(door.error());
  return door->ask(run::DoorKind::kAskExplanation, kDoorPatience);
}

int explain(const Arguments& arguments) {
  const auto known = run::find_group(arguments.value("GROUP"));
  if (!known) {
    complain("explain", known.error());
    return 1;
  }
  if (known->state != run::GroupState::kRunning) {
    return write_all(STDOUT_FILENO, end_of(*known)) ? 0 : 1;
  }
  const auto words = explanation_of(known->group);
  if (!words) {
    complain("explain", words.error());
    return 1;
  }
  return write_all(STDOUT_FILENO, *words) ? 0 : 1;
}

}  // namespace

Verb explain_verb() {
  return {
      .name = "explain",
      .summary = "Tell what a group waits for, or why it ended",
      .description =
          {"Of a running group: which tasks run, which wait, for how long, at which port, for "
           "whom, "
           "and how many messages have passed between the two. Tasks that can never go on, because "
           "they wait for each other, come first.",
           "Of an ended group: its state and cause, and the deadlock where there was one."},
      .positionals = {{.name = "GROUP",
                       .help = "A group id, the beginning of one, or a run directory. "
                               "Default: the newest group.",
                       .kind = WordKind::kGroup,
                       .required = false}},
      .examples = {{"mvm explain", "Why does the newest group hang?"}},
      .exits = {{"0", "The state was told."},
                {"1", "The group is not known, or does not answer."},
                {"2", "Wrong usage."}},
      .run = explain,
  };
}

}  // namespace mvm::cli
