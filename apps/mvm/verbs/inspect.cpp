// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <cstdio>

#include <mvm/base/file.hpp>
#include <mvm/run/group_door.hpp>
#include <mvm/run/known_group.hpp>
#include <mvm/run/summary.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "group_view.hpp"
#include "table.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

/// Two million queues, at some 400 bytes each.
constexpr Bytes kMaxSummary = 1_GiB;

/// While the group runs its own words, and afterwards its summary.
Result<std::string> state_of(const run::KnownGroup& known) {
  if (known.state == run::GroupState::kRunning) {
    auto door = run::DoorCall::to(known.group);
    if (!door) return fail(door.error());
    return door->ask(run::DoorKind::kAskStatus, kDoorPatience);
  }
  auto summary = read_file(known.path / run::kSummaryFile, kMaxSummary);
  if (summary) return summary;
  return fail(summary.error().code, "group ", known.group,
              " left no summary: ", known.cause.empty() ? summary.error().message : known.cause);
}

std::string seconds(double value) {
  char words[32];
  std::snprintf(words, sizeof words, "%.1f s", value);
  return words;
}

std::string tables(const GroupView& view) {
  Table tasks({"TASK", "MACHINE", "STATE", "WAITS FOR", "SINCE"});
  for (const auto& task : view.tasks) {
    tasks.add({task.name, text('m', task.machine), task.condition, task.waits_for,
               task.waits_for.empty() ? "" : seconds(task.waits_seconds)});
  }
  Table queues({"FROM", "TO", "TYPE", "DEPTH", "HIGH", "ENQUEUED", "DEQUEUED", "BYTES", "DROPPED",
                "LOST", "SENDER BLOCKED", "RECEIVER BLOCKED"});
  for (const auto& queue : view.queues) {
    queues.add({queue.from, queue.to, queue.type, text(queue.depth), text(queue.high_water),
                text(queue.enqueued), text(queue.dequeued), text(queue.payload_bytes),
                queue.drops.empty() ? "0" : queue.drops, text(queue.lost_with_task),
                seconds(queue.sender_blocked_seconds), seconds(queue.receiver_blocked_seconds)});
  }
  return text(view.group, ": ", view.state, view.deadlock ? ", deadlock" : "", ", ran ",
              seconds(view.run_seconds), "\n\n", tasks.to_string(), '\n', queues.to_string());
}

int inspect(const Arguments& arguments) {
  const auto refuse = [](const Error& error) {
    complain("inspect", error);
    return 1;
  };
  const auto known = run::find_group(arguments.value("GROUP"));
  if (!known) return refuse(known.error());
  const auto state = state_of(*known);
  if (!state) return refuse(state.error());
  if (arguments.value("output") == "json") return write_all(STDOUT_FILENO, *state) ? 0 : 1;
  const auto view = read_group_view(*state);
  if (!view) return refuse(view.error());
  return write_all(STDOUT_FILENO, tables(*view)) ? 0 : 1;
}

}  // namespace

Verb inspect_verb() {
  return {
      .name = "inspect",
      .summary = "Show the tasks and queues of a group",
      .description =
          {"Of a running group: what each task does and waits for, and for each queue how many "
           "messages are in it, how many there were at most, how many were sent and received, what "
           "was dropped and why, and how long its ends were blocked. Of an ended group: the same "
           "from its summary.",
           "Times blocked begin where a task stops spinning and sleeps. Of a running group they "
           "include "
           "the waits that go on."},
      .positionals = {{.name = "GROUP",
                       .help = "A group id, the beginning of one, or a run directory. "
                               "Default: the newest group.",
                       .kind = WordKind::kGroup,
                       .required = false}},
      .options = {{.name = "output",
                   .letter = 'o',
                   .value = "FORMAT",
                   .help = "How to print it; json gives one object with everything.",
                   .choices = {"table", "json"}}},
      .examples = {{"mvm inspect", "The newest group."},
                   {"mvm inspect heat-3f9c -o json | jq '.queues[] | select(.depth > 0)'",
                    "The queues that are not empty."}},
      .exits = {{"0", "The group was shown."},
                {"1", "The group is not known, or does not answer."},
                {"2", "Wrong usage."}},
      .run = inspect,
  };
}

}  // namespace mvm::cli
