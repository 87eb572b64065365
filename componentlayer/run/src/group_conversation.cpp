// SPDX-License-Identifier: GPL-3.0-or-later
#include "group_conversation.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <mvm/base/log.hpp>
#include <mvm/base/subprocess.hpp>
#include <mvm/queuelayer/belongings.hpp>

#include "link_endpoints.hpp"
#include "status_report.hpp"
#include "wait_report.hpp"

namespace mvm::run {

namespace control = queue::control;

namespace {

/// A queue VM that has not said hello by then was not started by its agent.
constexpr std::chrono::seconds kLaunchPatience{60};
/// For queue VMs to end by themselves, at the end or when all is to be killed, before they are
/// ended.
constexpr std::chrono::seconds kLeavePatience{5};

std::string signal_words(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? text("signal ", signal) : text("SIG", name);
}

}  // namespace

GroupConversation::GroupConversation(const model::Plan& plan, const LaunchSettings& settings,
                                     RunDirectory& directory, GroupObserver& observer, int cancel)
    : plan_(plan),
      settings_(settings),
      directory_(directory),
      observer_(observer),
      cancel_(cancel),
      record_(plan),
      rounds_(plan.wiring.size(),
              [this](std::uint32_t machine, control::Ask ask) {
                // Before it is ready a queue VM has nothing to tell.
                Member& member = members_[machine];
                if (member.phase < Phase::kReady || member.phase == Phase::kDone) return false;
                say(member, ask);
                return true;
              }),
      desk_(rounds_, !plan.wiring.empty() && !plan.wiring.front().outside.empty(), desk_ways()),
      outside_(desk_.sessions()),
      lingering_(plan) {}

/// What callers are told, and whom they reach.
DoorDesk::Ways GroupConversation::desk_ways() {
  using Statuses = StatusRounds::Statuses;
  return {
      .status =
          [this](const Statuses& statuses) {
            return status_json(plan_, state_, released_ ? now() - released_at_ : Duration(0),
                               graph().look(statuses), statuses);
          },
      .waits =
          [this](const Statuses& statuses) {
            return waits_json(plan_.group, graph().look(statuses));
          },
      .explanation = [this](const Statuses& statuses) { return explanation(statuses); },
      .to_queue_vm = [this](const control::Message& message) { say(members_.front(), message); },
      .on_gone = [this] { finish_when_ended(); }};
}

GroupOutcome GroupConversation::hold() {
  started_at_ = now();
  launch_deadline_ = started_at_ + kLaunchPatience;
  observer_.on_state(GroupState::kStarting);
  if (auto started = start_machines(); !started) {
    record_.conclude(GroupState::kFailed, exit_status::kRefused, started.error().message);
    for (auto& member : members_) member.phase = Phase::kDone;
  }
  while (!all_at_least(Phase::kDone)) poll_once();
  if (released_) record_.set_ran(ended_at_.value_or(now()) - released_at_);
  desk_.close();
  clean_up();
  auto outcome = record_.take();
  observer_.on_state(outcome.state);
  return outcome;
}

Result<void> GroupConversation::start_machines() {
  members_.resize(plan_.wiring.size());
  for (std::uint32_t m = 0; m < members_.size(); ++m) {
    os::MachineSpec spec;
    const auto& planned = plan_.machines[m];
    const auto kind = os::parse_machine_kind(planned.kind);
    if (!kind) return fail(ErrorCode::kUnsupported, "unknown machine kind '", planned.kind, "'");
    spec.kind = *kind;
    spec.name = planned.name;
    for (const auto& word : settings_.launch) spec.launch.push_back(for_machine(word, m));
    auto machine = os::make_machine(std::move(spec));
    if (!machine) return fail(machine.error());
    Member& member = members_[m];
    member.machine = std::move(*machine);
    auto connection = member.machine->start({settings_.queue_vm.string()});
    if (!connection) return fail(connection.error());
    member.control = std::move(*connection);
    ::fcntl(member.control.get(), F_SETFL, O_NONBLOCK);
    say(member, control::Start{plan_.wiring[m]});
  }
  return {};
}

void GroupConversation::say(Member& member, const control::Message& message) {
  if (member.phase == Phase::kDone) return;
  member.outgoing.append(control::encode(message));
  // A queue VM that is gone is told by the end of its stream.
  (void)member.outgoing.flush(member.control.get());
}

void GroupConversation::poll_once() {
  std::vector<pollfd> descriptors;
  descriptors.push_back({cancel_, POLLIN, 0});
  for (auto& member : members_) {
    short events = POLLIN;
    if (!member.outgoing.empty()) events |= POLLOUT;
    descriptors.push_back({member.phase == Phase::kDone ? -1 : member.control.get(), events, 0});
  }
  const auto first_of_door = descriptors.size();
  if (auto* door = desk_.door()) door->add_descriptors(descriptors);
  const int ready = ::poll(descriptors.data(), descriptors.size(), milliseconds_to_deadline());
  give_up_on_silent();
  end_lingering_in_time();
  if (ready <= 0) return;
  if (descriptors[0].revents != 0) on_cancel();
  for (std::uint32_t m = 0; m < members_.size(); ++m) {
    if (descriptors[m + 1].revents == 0) continue;
    if (descriptors[m + 1].revents & POLLOUT) {
      (void)members_[m].outgoing.flush(members_[m].control.get());
    }
    on_control(m);
  }
  if (auto* door = desk_.door()) door->on_ready(std::span(descriptors).subspan(first_of_door));
}

int GroupConversation::milliseconds_to_deadline() {
  auto due = std::min(launch_deadline_.value_or(SteadyTime::max()),
                      leave_deadline_.value_or(SteadyTime::max()));
  if (linger_deadline_ && outside_.empty()) due = std::min(due, *linger_deadline_);
  if (deadlocks_) due = std::min(due, deadlocks_->tick().value_or(SteadyTime::max()));
  if (auto* door = desk_.door()) due = std::min(due, door->tick().value_or(SteadyTime::max()));
  if (due == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

/// A queue VM that is not there, or that hangs, must not keep its user for ever.
void GroupConversation::give_up_on_silent() {
  const auto time = now();
  const bool launched = !launch_deadline_ || time < *launch_deadline_;
  const bool may_stay = !leave_deadline_ || time < *leave_deadline_;
  if (launched && may_stay) return;
  if (!launched) launch_deadline_.reset();
  if (!may_stay) leave_deadline_.reset();
  for (std::uint32_t m = 0; m < members_.size(); ++m) {
    if (may_stay && members_[m].heard) continue;
    members_[m].hopeless = true;
    on_lost(m);
  }
}

void GroupConversation::on_control(std::uint32_t machine) {
  Member& member = members_[machine];
  if (member.phase == Phase::kDone) return;
  char buffer[65536];
  const auto got = ::read(member.control.get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return on_lost(machine);
  member.reader.feed({buffer, static_cast<std::size_t>(got)});
  while (member.phase != Phase::kDone) {
    auto message = member.reader.next();
    if (!message) return on_breach(machine, message.error().message);
    if (!*message) return;
    if (!in_turn(member, **message)) {
      return on_breach(machine,
                       "its queue VM sent a message out of turn; mvm and mvmq must be of one "
                       "release, and nothing else may write to mvmq's output");
    }
    on_message(machine, std::move(**message));
  }
}

/// Whether a queue VM may say this now. A broken one must not lead the conversation astray.
bool GroupConversation::in_turn(const Member& member, const control::Message& message) const {
  if (std::holds_alternative<control::Hello>(message)) return !member.heard;
  if (!member.heard) return false;
  if (std::holds_alternative<control::Failed>(message)) return true;
  if (std::holds_alternative<control::Ready>(message)) return member.phase == Phase::kStarting;
  if (std::holds_alternative<control::Figures>(message)) return member.phase == Phase::kEnded;
  if (std::holds_alternative<control::Status>(message)) return member.phase > Phase::kStarting;
  if (OutsideSessions::is_reply(message)) {
    return &member == &members_.front() && member.phase > Phase::kStarting;
  }
  const bool tasks_live = member.phase < Phase::kEnded;
  if (std::holds_alternative<control::AllEnded>(message)) {
    // A group that is stopped while it starts ends without having been ready.
    return tasks_live && (stopping_ || member.phase > Phase::kStarting);
  }
  return tasks_live && (std::holds_alternative<control::Output>(message) ||
                        std::holds_alternative<control::TaskStarted>(message) ||
                        std::holds_alternative<control::Stalled>(message) ||
                        std::holds_alternative<control::TaskEnded>(message));
}

void GroupConversation::on_message(std::uint32_t machine, control::Message&& message) {
  Member& member = members_[machine];
  if (std::holds_alternative<control::Hello>(message)) {
    member.heard = true;
    if (std::all_of(members_.begin(), members_.end(), [](auto& other) { return other.heard; })) {
      launch_deadline_.reset();
    }
  } else if (std::holds_alternative<control::Ready>(message)) {
    member.phase = Phase::kReady;
    if (machine == 0) outside_.begin();
    if (all_at_least(Phase::kReady)) on_ready();
  } else if (auto* output = std::get_if<control::Output>(&message)) {
    const auto* task = record_.task(output->task);
    if (task == nullptr) return;
    const auto stream = static_cast<RunDirectory::Stream>(output->stream);
    directory_.append_log(task->name(), stream, output->bytes);
    observer_.on_output(*task, stream, output->bytes);
  } else if (auto* begun = std::get_if<control::TaskStarted>(&message)) {
    record_.on_start(*begun);
  } else if (auto* ended = std::get_if<control::TaskEnded>(&message)) {
    on_task_end(machine, *ended);
  } else if (std::holds_alternative<control::AllEnded>(message)) {
    member.phase = Phase::kEnded;
    finish_when_ended();
  } else if (std::holds_alternative<control::Stalled>(message)) {
    on_stalled();
  } else if (auto* status = std::get_if<control::Status>(&message)) {
    // One that was asked for before another machine was lost comes late, and is of no use.
    (void)rounds_.on_status(machine, std::move(*status));
  } else if (OutsideSessions::is_reply(message)) {
    outside_.on_queue_vm(std::move(message));
    finish_when_ended();
  } else if (auto* figures = std::get_if<control::Figures>(&message)) {
    record_.on_figures(machine, std::move(*figures));
    leave(machine);
  } else if (auto* failed = std::get_if<control::Failed>(&message)) {
    record_.conclude(GroupState::kFailed, exit_status::kRefused,
                     text("machine ", plan_.machines[machine].name, ": ", failed->message));
    on_lost(machine);
  }
}

void GroupConversation::on_ready() {
  if (stopping_) return;  // the machines that became ready late have been told to stop, too
  // Not before: by now the first queue VM knows the door, and removes it should this process be
  // killed.
  if (!plan_.wiring.empty() && !plan_.wiring.front().door.empty()) {
    desk_.open(plan_.wiring.front().door);
  }
  released_ = true;
  released_at_ = now();
  record_.set_start(released_at_ - started_at_);
  for (auto& member : members_) {
    if (member.phase == Phase::kReady) member.phase = Phase::kRunning;
    say(member, control::Release{});
  }
  state_ = GroupState::kRunning;
  observer_.on_state(state_);
}

void GroupConversation::on_task_end(std::uint32_t machine, const control::TaskEnded& ended) {
  const auto* known = record_.on_end(machine, ended);
  if (known == nullptr) return;
  const TaskOutcome& task = *known;
  observer_.on_task_end(task);

  if (ended.kind == control::EndKind::kTimeLimit) {
    const auto limit = plan_.wiring[machine].wall_time;
    record_.conclude(GroupState::kTimeout, exit_status::kTimeLimit,
                     text("the wall-time of ", mvm::to_string(limit), " has passed"));
    stop_all(control::StopReason::kTimeLimit);
  } else if (task.end == TaskEnd::kFailed || task.end == TaskEnd::kSignalled) {
    const bool signalled = task.end == TaskEnd::kSignalled;
    record_.conclude(GroupState::kFailed, signalled ? 128 + ended.status : ended.status,
                     signalled ? text(task.name, " was ended by ", signal_words(ended.status))
                               : text(task.name, " exited with ", ended.status));
    if (plan_.wiring[machine].end_on_failure) stop_all(control::StopReason::kFailure);
  }
}

std::string GroupConversation::explanation(std::span<const control::Status> statuses) {
  auto words = text(plan_.group, ": ", to_string(state_), '\n');
  if (state_ == GroupState::kLingering) {
    for (const auto& port : lingering_.waiting()) {
      words += text("the group stays for what port '", port.name, "' holds: mvm dequeue ",
                    plan_.group, ' ', port.name, '\n');
    }
  }
  return words + wait_words(graph().look(statuses));
}

const queue::WaitGraph& GroupConversation::graph() {
  if (!graph_) graph_ = std::make_unique<queue::WaitGraph>(plan_.wiring);
  return *graph_;
}

void GroupConversation::on_stalled() {
  if (settings_.on_deadlock == model::DeadlockAction::kIgnore || !released_ || stopping_) return;
  if (!deadlocks_) {
    deadlocks_ = std::make_unique<DeadlockWatch>(
        graph(), rounds_, [this](const queue::GroupWaits& waits) { on_deadlock(waits); });
  }
  deadlocks_->on_stalled();
}

void GroupConversation::on_deadlock(const queue::GroupWaits& waits) {
  if (stopping_) return;
  record_.on_deadlock(waits.knots.size());
  const auto words = deadlock_words(waits);
  auto stored = directory_.store(kWaitsFile, waits_json(plan_.group, waits));
  if (stored) stored = directory_.store(kDeadlockFile, words);
  if (!stored) log_warning(stored.error().message);
  observer_.on_deadlock(waits, words);
  if (settings_.on_deadlock != model::DeadlockAction::kEnd) return;
  record_.conclude(GroupState::kFailed, exit_status::kDeadlock, deadlock_sentence(waits));
  stop_all(control::StopReason::kFailure);
}

void GroupConversation::clean_up() {
  for (auto& member : members_) {
    member.control.reset();
    const auto patience = member.hopeless ? std::chrono::seconds(0) : kLeavePatience;
    if (member.machine) member.machine->destroy(patience);
  }
  // Orphans of queue VMs that were killed together with their guardians.
  kill_descendants();
  for (const auto& wiring : plan_.wiring) {
    queue::Belongings::of(wiring).remove();
  }
}

void GroupConversation::on_cancel() {
  char buffer[128];  // a signalfd_siginfo, or the count of an eventfd
  if (::read(cancel_, buffer, sizeof buffer) <= 0) return;
  // The tasks have ended well, and nobody is there.
  if (state_ == GroupState::kLingering && outside_.empty() && !finishing_) return finish();
  const bool again = ++cancel_requests_ > 1;
  record_.conclude(GroupState::kCancelled, exit_status::kInterrupted, "cancelled");
  if (again && !leave_deadline_) leave_deadline_ = now() + kLeavePatience;
  stop_all(again ? control::StopReason::kKill : control::StopReason::kCancelled);
}

/// A queue VM that breaks the protocol cannot be asked for anything any more.
void GroupConversation::on_breach(std::uint32_t machine, std::string_view what) {
  record_.conclude(GroupState::kFailed, exit_status::kRefused,
                   text("machine ", plan_.machines[machine].name, ": ", what));
  members_[machine].hopeless = true;
  on_lost(machine);
}

/// A queue VM is gone, or is of no more use.
void GroupConversation::on_lost(std::uint32_t machine) {
  Member& member = members_[machine];
  if (member.phase == Phase::kDone) return;
  record_.conclude(GroupState::kFailed, exit_status::kRefused, loss_of(machine));
  leave(machine);
  member.control.reset();
  stop_all(control::StopReason::kFailure);
}

/// The conversation with one queue VM is over.
void GroupConversation::leave(std::uint32_t machine) {
  members_[machine].phase = Phase::kDone;
  rounds_.on_gone(machine);
}

std::string GroupConversation::loss_of(std::uint32_t machine) const {
  const auto subject = text("the queue VM of machine ", plan_.machines[machine].name);
  if (members_[machine].heard) {
    return subject +
           " died, and its tasks with it; it was killed from outside, or its own words "
           "above say why";
  }
  std::string command;
  for (const auto& word : settings_.launch) command += for_machine(word, machine) + ' ';
  return text(subject, " could not be started; try by hand: ", command, settings_.queue_vm.string(),
              " --version");
}

void GroupConversation::stop_all(control::StopReason reason) {
  stopping_ = true;
  if (deadlocks_) deadlocks_->stop();
  for (auto& member : members_) {
    // Also one that waits for others while it finishes.
    if (member.phase < Phase::kEnded || finishing_) say(member, control::Stop{reason});
  }
  outside_.end(text("the group has ended: ", record_.cause()));
  finish_when_ended();
}

/// What its tasks have sent to programs outside is still theirs to get, unless the group was
/// stopped. Called again when one of them leaves.
void GroupConversation::finish_when_ended() {
  if (finishing_ || !all_at_least(Phase::kEnded)) return;
  if (!ended_at_) ended_at_ = now();
  if (stopping_) return finish();
  if (!outside_.empty()) return;
  if (record_.is_concluded() || desk_.door() == nullptr || !lingering_.is_possible())
    return finish();
  linger_deadline_.reset();
  rounds_.wish([this](const StatusRounds::Statuses& statuses) { linger(statuses); });
}

void GroupConversation::linger(std::span<const control::Status> statuses) {
  if (finishing_ || !outside_.empty()) return;
  linger_deadline_ = lingering_.look(statuses, now());
  if (!linger_deadline_ || now() >= *linger_deadline_) return finish();
  if (std::exchange(state_, GroupState::kLingering) == GroupState::kLingering) return;
  observer_.on_state(state_);
  for (const auto& port : lingering_.waiting()) observer_.on_waiting_port(plan_.group, port);
}

void GroupConversation::end_lingering_in_time() {
  if (linger_deadline_ && outside_.empty() && now() >= *linger_deadline_) finish();
}

/// The queue VMs have only their figures to tell.
void GroupConversation::finish() {
  finishing_ = true;
  linger_deadline_.reset();
  outside_.end("the group has ended");
  const bool someone_is_lost =
      std::ranges::any_of(members_, [](const Member& m) { return m.phase == Phase::kDone; });
  for (auto& member : members_) {
    say(member, control::Finish{});
    // Nobody need wait for the last words of one that is gone.
    if (someone_is_lost) say(member, control::Stop{control::StopReason::kFailure});
  }
}

bool GroupConversation::all_at_least(Phase phase) const {
  return std::all_of(members_.begin(), members_.end(),
                     [phase](const Member& member) { return member.phase >= phase; });
}

}  // namespace mvm::run
