// SPDX-License-Identifier: GPL-3.0-or-later
#include "port_session.hpp"

#include <poll.h>

#include <chrono>
#include <iterator>
#include <thread>
#include <type_traits>
#include <utility>

#include <mvm/run/known_group.hpp>

namespace mvm::cli {

namespace control = queue::control;

namespace {

control::OutsideClosed refused(ErrorCode code, std::string why) {
  return {.end = control::OutsideEnd::kRefused, .code = code, .message = std::move(why)};
}

/// Nothing for frames that a group does not send to programs outside.
std::optional<control::OutsideReply> reply_of(control::Message&& message) {
  return std::visit(
      [](auto&& body) -> std::optional<control::OutsideReply> {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_constructible_v<control::OutsideReply, Body>) {
          return std::forward<decltype(body)>(body);
        } else {
          return std::nullopt;
        }
      },
      std::move(message));
}

constexpr std::chrono::milliseconds kLookAgain{20};

}  // namespace

Positional group_positional() {
  return {.name = "GROUP",
          .help = "A group id, the beginning of one, or a run directory.",
          .kind = WordKind::kGroup};
}

Positional port_positional() {
  return {.name = "PORT", .help = "The name that the profile gives the open port."};
}

Result<PortSession> PortSession::open(const std::string& group, control::OutsideOpen open) {
  auto known = run::find_running_group(group);
  if (!known) return fail(known.error());
  auto call = run::DoorCall::to(known->group);
  // Its programs are being built or started: it has a door as soon as its tasks run.
  while (!call && call.error().code == ErrorCode::kNotFound) {
    std::this_thread::sleep_for(kLookAgain);
    known = run::find_running_group(known->group);
    if (!known) return fail(known.error());
    call = run::DoorCall::to(known->group);
  }
  if (!call) return fail(call.error());
  PortSession session(known->group, std::move(*call));
  if (auto said = session.say(open); !said) return fail(said.error());
  return session;
}

Result<void> PortSession::say(const control::Message& request) {
  return call_.say({run::DoorKind::kOutside, control::encode(request)});
}

Result<std::optional<control::OutsideClosed>> PortSession::hear(const OnReply& on_reply) {
  for (;;) {
    auto reply = next();
    if (!reply) return fail(reply.error());
    if (!*reply) return std::nullopt;
    if (auto* closed = std::get_if<control::OutsideClosed>(&**reply)) return std::move(*closed);
    if (auto heard = on_reply(**reply); !heard) return fail(heard.error());
  }
}

bool PortSession::wait(int other) const {
  pollfd sources[] = {{call_.descriptor(), POLLIN, 0}, {other, POLLIN, 0}};
  return ::poll(sources, std::size(sources), -1) > 0 && sources[1].revents != 0;
}

Result<std::optional<control::OutsideReply>> PortSession::next() {
  auto frame = call_.hear(now());
  if (!frame) return fail(frame.error());
  if (!*frame) {
    if (!call_.ended()) return std::nullopt;
    return refused(ErrorCode::kClosed, text("group ", group_, " is gone"));
  }
  if ((*frame)->kind == run::DoorKind::kRefusal) {
    return refused(ErrorCode::kClosed, std::move((*frame)->payload));
  }
  control::FrameReader reader;
  reader.feed((*frame)->payload);
  auto message = reader.next();
  if (!message) return fail(message.error());
  if (*message) {
    if (auto reply = reply_of(std::move(**message))) return reply;
  }
  return fail(ErrorCode::kProtocol, "the group says what no group says; is it of another release?");
}

}  // namespace mvm::cli
