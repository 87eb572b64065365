// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/base/log.hpp>

#include "command_line.hpp"
#include "verbs/verbs.hpp"

namespace {

using mvm::cli::Program;

std::vector<mvm::cli::EnvironmentVariable> environment() {
  return {
      {"MVM_CACHE_DIR", "Folder of the build cache; default ~/.cache/mvm."},
      {"MVM_CACHE_LIMIT", "Size limit of the build cache, such as 500MiB."},
      {"MVM_STATE_DIR", "Folder of the register of groups; default ~/.local/state/mvm."},
      {"MVM_DATA_DIR", "Folder of your registered profiles; default ~/.local/share/mvm."},
      {"MVM_RUNTIME_DIR", "Folder of sockets; default /run/user/UID/mvm or /tmp/mvm-UID."},
      {"MVM_LOG", "Least level of messages about MVM itself: debug, info, warning, error."},
      {"NO_COLOR", "When set, output has no colours."},
  };
}

/// What a later version brings. A verb moves from here to `verbs` when it comes.
std::vector<mvm::cli::AbsentVerb> absent_verbs() {
  return {
      {"submit", "send a profile to a broker"},
      {"cancel", "end a group"},
      {"checkpoint", "save a running group"},
      {"restore", "continue a saved group"},
      {"connect", "add an edge to a running group"},
      {"disconnect", "remove an edge from a running group"},
      {"lab", "manage labs of several groups"},
      {"node", "manage the nodes of a peer group"},
      {"vm", "manage virtual machines"},
      {"image", "manage machine images"},
      {"profile", "manage registered profiles"},
      {"cert", "manage certificates"},
      {"policy", "manage policies"},
  };
}

Program make_program() {
  Program program;
  program.name = "mvm";
  program.version = MVM_VERSION;
  program.summary = "run message-passing jobs whose wiring lives outside the code";
  program.description = {
      "A job is a C++ program that sends and receives messages through named ports. A profile, an "
      "XML file, tells which jobs there are, how many tasks of each, and how their ports are "
      "wired. mvm checks profiles, compiles their jobs, runs them, and keeps what they leave."};
  program.environment = environment();
  program.absent = absent_verbs();
  return program;
}

}  // namespace

int main(int argc, char** argv) {
  mvm::set_log_name("mvm");
  auto program = make_program();
  using namespace mvm::cli;
  program.verbs = {init_verb(),     validate_verb(),     plan_verb(),
                   graph_verb(),    build_verb(),        run_verb(),
                   list_verb(),     logs_verb(),         inspect_verb(),
                   top_verb(),      explain_verb(),      doctor_verb(),
                   enqueue_verb(),  dequeue_verb(),      completion_verb(program),
                   complete_verb(), manual_verb(program)};
  return execute(program, {argv + 1, argv + argc});
}
