// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <csignal>

#include <mvm/base/clock.hpp>
#include <mvm/base/file.hpp>
#include <mvm/base/log.hpp>
#include <mvm/run/group_runner.hpp>

#include "arguments.hpp"
#include "complaint.hpp"
#include "installation.hpp"
#include "interrupt.hpp"
#include "job_programs.hpp"
#include "launch_words.hpp"
#include "loaded_profile.hpp"
#include "run_report.hpp"
#include "verbs/verbs.hpp"

namespace mvm::cli {
namespace {

using run::exit_status::kInterrupted;
using run::exit_status::kRefused;
using run::exit_status::kUsage;

Result<run::LaunchSettings> launch_settings(const Arguments& arguments) {
  run::LaunchSettings settings;
  auto queue_vm = queue_vm_program();
  if (!queue_vm) return fail(queue_vm.error());
  settings.queue_vm = std::move(*queue_vm);
  auto words = split_words(arguments.value("launch"));
  if (!words) return fail(words.error());
  settings.launch = std::move(*words);
  settings.endpoint = arguments.value("endpoint");
  settings.direct_endpoint = arguments.value("direct-endpoint");
  for (const std::string option : {"endpoint", "direct-endpoint"}) {
    const auto endpoint = arguments.value(option);
    if (!endpoint.empty() && !endpoint.starts_with("tcp://")) {
      return fail(ErrorCode::kUsage, "--", option, " '", endpoint,
                  "' does not begin with tcp://; write tcp://ADDRESS:PORT");
    }
  }
  return settings;
}

/// What a plan cannot know before building and before the run directory: programs and folders.
void complete_plan(model::Plan& plan, const BuiltProfile& built,
                   const run::RunDirectory& directory) {
  for (auto& wiring : plan.wiring) {
    wiring.programs.clear();
    for (const auto& program : built.programs) wiring.programs.push_back(program.program.string());
    wiring.worker_program = built.worker.string();
    // A wiring plan lists the profile's plugins in the profile's order.
    for (std::size_t i = 0; i < wiring.plugins.size(); ++i) {
      wiring.plugins[i].path = built.plugins[i].program.string();
    }
    wiring.output_directory = directory.output().string();
    const auto work = directory.work() / text('m', wiring.machine);
    wiring.work_directory = work.string();
    for (auto& task : wiring.tasks) {
      task.directory = (work / run::file_name_of(task.name())).string();
    }
  }
}

Result<run::RunDirectory> make_run_directory(const LoadedProfile& loaded,
                                             const std::string& parent) {
  auto directory = run::RunDirectory::create(loaded.plan.group, parent);
  if (!directory) return directory;
  const auto source = read_file(loaded.profile.file, model::kMaxDocument);
  if (!source) return fail(source.error());
  auto stored = directory->store("profile.mvm.xml", *source);
  if (stored) stored = directory->store("plan.json", model::plan_json(loaded.profile, loaded.plan));
  if (!stored) return fail(stored.error());
  return directory;
}

int refuse(const Error& error) {
  complain("run", error);
  return error.code == ErrorCode::kUsage ? kUsage : kRefused;
}

/// Everything after building: wire, run, report.
int run_group(LoadedProfile& loaded, const BuiltProfile& built, const run::LaunchSettings& settings,
              Duration build_time, const Interrupt& interrupt, const Arguments& arguments) {
  auto directory = make_run_directory(loaded, arguments.value("run-dir"));
  if (!directory) return refuse(directory.error());
  complete_plan(loaded.plan, built, *directory);
  const auto report = make_run_report({.json = arguments.value("output") == "json",
                                       .quiet = arguments.has("quiet"),
                                       .tags = !arguments.has("no-prefix"),
                                       .interrupt = interrupt.descriptor()});
  run::GroupRunner runner(loaded.plan, settings, *directory, *report, interrupt.descriptor());
  auto outcome = runner.run();
  outcome.build = build_time;
  if (auto finished = directory->finish(outcome); !finished) {
    complain("run", finished.error());
    if (outcome.exit_status == 0) outcome.exit_status = kRefused;
  }
  if (!directory->log_error().empty()) complain(text("mvm run: ", directory->log_error()));
  report->conclude(outcome, directory->path());
  return outcome.exit_status;
}

int run_profile(const Arguments& arguments) {
  auto settings = launch_settings(arguments);
  if (!settings) return refuse(settings.error());
  auto loaded = load_profile("run", arguments);
  if (!loaded) return kRefused;
  settings->on_deadlock = loaded->profile.policy.deadlock;
  // Until here there is nothing to clean up, and a signal may simply end the program.
  const auto interrupt = Interrupt::watch();
  if (!interrupt) return refuse(interrupt.error());

  const auto begin = now();
  auto build_options = build_settings(loaded->profile);
  build_options.cancel = interrupt->descriptor();
  build::Builder builder(std::move(build_options));
  const auto built = build_jobs(builder, loaded->profile, arguments.has("quiet"));
  if (!built) {
    complain("run", built.error());
    return build_failure_status(built.error());
  }
  if (interrupt->pending()) return kInterrupted;
  return run_group(*loaded, *built, *settings, now() - begin, *interrupt, arguments);
}

}  // namespace

Verb run_verb() {
  return {
      .name = "run",
      .summary = "Build and run a profile on this machine, and wait for its end",
      .description =
          {"Checks the profile, compiles what is not in the cache, maps tasks to cores, starts "
           "all tasks together, and passes on what they print, each line tagged with its task.",
           "The first failed task ends the group. SIGINT (Ctrl-C) asks all tasks to end; a second "
           "one kills them. When mvm itself is killed, everything that it started ends too.",
           "When all tasks have ended well and an open port still holds messages, the group stays "
           "for those who dequeue, for the time that the profile names (linger), and a line says "
           "how to take them. SIGINT ends that, and the run has succeeded.",
           "Every run leaves a run directory with the plan, the logs, the collected outputs and "
           "summary.json."},
      .positionals = {profile_positional()},
      .options =
          {parameter_option(),
           {.name = "run-dir",
            .value = "FOLDER",
            .help = "Make the run directory below FOLDER instead of ./mvm-runs.",
            .kind = WordKind::kFolder},
           {.name = "launch",
            .value = "COMMAND",
            .help = "Start each queue VM through COMMAND, as through a remote shell; {machine} and "
                    "{name} in it are replaced by the machine's number and name."},
           {.name = "endpoint",
            .value = "tcp://ADDRESS:PORT",
            .help = "Where each machine listens for the others, with {machine} in it; for "
                    "--launch to other hosts. Default: sockets of this host."},
           {.name = "direct-endpoint",
            .value = "tcp://ADDRESS:PORT",
            .help = "Likewise for queues with transport=\"tcp\"; needed with --endpoint if there "
                    "are any."},
           {.name = "output",
            .letter = 'o',
            .value = "FORMAT",
            .help = "json: print events, one JSON object per line, instead of the tasks' lines.",
            .choices = {"text", "json"}},
           {.name = "no-prefix", .help = "Pass the tasks' output on without tags."},
           {.name = "quiet",
            .letter = 'q',
            .help = "Print nothing but the tasks' output and errors."}},
      .examples = {{"mvm run examples/heat", "Run the profile of a folder."},
                   {"mvm run heat.mvm.xml -p side=8 -p steps=100", "With other parameters."},
                   {"mvm run -o json heat.mvm.xml | grep '\"result\"'", "For a script."},
                   {"mvm run --launch 'ssh node{machine}' --endpoint 'tcp://node{machine}:7000' "
                    "lab.mvm.xml",
                    "Start the queue VM of each machine on a host of its own."}},
      .exits = {{"0", "Every task succeeded."},
                {"N", "Status of the first task that failed; 128+N for signal N."},
                {"2", "Wrong usage."},
                {"122", "A deadlock was found."},
                {"124", "The wall-time of the profile passed."},
                {"125", "MVM refused: invalid profile, no resources, failed launch."},
                {"126", "A job does not compile."},
                {"130", "Interrupted or cancelled."}},
      .run = run_profile,
  };
}

}  // namespace mvm::cli
