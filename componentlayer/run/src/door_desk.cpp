// SPDX-License-Identifier: GPL-3.0-or-later
#include "door_desk.hpp"

#include <utility>

#include <mvm/base/log.hpp>

namespace mvm::run {

DoorDesk::DoorDesk(StatusRounds& rounds, bool has_ports, Ways ways)
    : rounds_(rounds),
      has_ports_(has_ports),
      ways_(std::move(ways)),
      sessions_({.to_queue_vm = ways_.to_queue_vm,
                 .to_caller = [this](GroupDoor::Caller caller,
                                     const DoorFrame& frame) { door_->say(caller, frame); },
                 .refuse = [this](GroupDoor::Caller caller,
                                  const std::string& why) { door_->refuse(caller, why); }}) {}

void DoorDesk::open(const std::filesystem::path& path) {
  auto door = GroupDoor::open(
      path, {.heard = [this](GroupDoor::Caller caller,
                             DoorFrame&& frame) { on_frame(caller, std::move(frame)); },
             .gone =
                 [this](GroupDoor::Caller caller) {
                   sessions_.on_gone(caller);
                   ways_.on_gone();
                 }});
  if (door) {
    door_ = std::move(*door);
  } else {
    log_warning("mvm top, inspect and explain cannot reach this group: ", door.error().message);
  }
}

void DoorDesk::on_frame(GroupDoor::Caller caller, DoorFrame&& frame) {
  switch (frame.kind) {
    case DoorKind::kAskStatus:
      return answer(caller, ways_.status);
    case DoorKind::kAskWaits:
      return answer(caller, ways_.waits);
    case DoorKind::kAskExplanation:
      return answer(caller, ways_.explanation);
    case DoorKind::kOutside:
      if (has_ports_) return sessions_.on_caller(caller, frame.payload);
      return door_->refuse(caller,
                           "this group has no port that is open to programs outside; a profile "
                           "opens one by <open port=\"…\" to=\"JOB.PORT\"/> in its <topology>");
    default:
      return door_->refuse(caller, "it asked for what a group cannot answer");
  }
}

void DoorDesk::answer(GroupDoor::Caller caller, const Words& words) {
  rounds_.wish([this, caller, words](const StatusRounds::Statuses& statuses) {
    if (door_) door_->say(caller, {DoorKind::kAnswer, words(statuses)});
  });
}

}  // namespace mvm::run
