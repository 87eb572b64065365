// SPDX-License-Identifier: GPL-3.0-or-later
#include <mvm/run/group_runner.hpp>

#include <sys/prctl.h>

#include <mvm/run/group_door.hpp>

#include "group_conversation.hpp"
#include "link_endpoints.hpp"

namespace mvm::run {

GroupRunner::GroupRunner(model::Plan& plan, LaunchSettings settings, RunDirectory& directory,
                         GroupObserver& observer, int cancel)
    : plan_(plan),
      settings_(std::move(settings)),
      directory_(directory),
      observer_(observer),
      cancel_(cancel) {}

GroupOutcome GroupRunner::run() {
  // Whatever outlives a queue VM becomes our child, and is ended at the end of the conversation.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (auto chosen = choose_link_endpoints(plan_, settings_); !chosen) {
    GroupOutcome outcome;
    outcome.group = plan_.group;
    outcome.state = GroupState::kFailed;
    outcome.cause = chosen.error().message;
    return outcome;
  }
  if (!plan_.wiring.empty()) plan_.wiring.front().door = door_path(plan_.group).string();
  return GroupConversation(plan_, settings_, directory_, observer_, cancel_).hold();
}

}  // namespace mvm::run
