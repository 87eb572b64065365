// SPDX-License-Identifier: GPL-3.0-or-later
#include "outside_sessions.hpp"

#include <type_traits>
#include <utility>
#include <variant>

namespace mvm::run {

namespace control = queue::control;

namespace {

template <typename Frame, typename Frames>
constexpr bool is_one_of = false;
template <typename Frame, typename... Frames>
constexpr bool is_one_of<Frame, std::variant<Frames...>> = (std::is_same_v<Frame, Frames> || ...);

/// Gives a request another session. False for what no program outside may say.
bool number_request(control::Message& message, std::uint32_t session) {
  return std::visit(
      [session](auto& body) {
        if constexpr (is_one_of<std::decay_t<decltype(body)>, control::OutsideRequest>) {
          body.session = session;
          return true;
        } else {
          return false;
        }
      },
      message);
}

/// The session of a reply; 0, which none has, for other messages.
std::uint32_t take_session(control::Message& message) {
  return std::visit(
      [](auto& body) -> std::uint32_t {
        if constexpr (is_one_of<std::decay_t<decltype(body)>, control::OutsideReply>) {
          return std::exchange(body.session, 0);
        } else {
          return 0;
        }
      },
      message);
}

/// The frame that a payload is. kProtocol where it is none.
Result<control::Message> only_frame(const std::string& bytes) {
  control::FrameReader reader;
  reader.feed(bytes);
  auto first = reader.next();
  if (!first) return fail(first.error());
  if (!*first) return fail(ErrorCode::kProtocol, "a frame of a session was cut short");
  return **std::move(first);
}

}  // namespace

void OutsideSessions::on_caller(Caller caller, const std::string& frame) {
  if (!ended_.empty()) return ways_.refuse(caller, ended_);
  auto message = only_frame(frame);
  if (!message) return ways_.refuse(caller, message.error().message);
  const auto known = session_of_.find(caller);
  const bool opens = std::holds_alternative<control::OutsideOpen>(*message);
  if (opens != (known == session_of_.end())) {
    // Whatever comes after Closed crossed it on the way.
    if (opens) ways_.refuse(caller, "a connection to this group can open one port only");
    return;
  }
  const auto session = opens ? next_session_ : known->second;
  if (!number_request(*message, session)) {
    return ways_.refuse(caller, "it said what programs outside cannot say");
  }
  if (opens) {
    ++next_session_;
    session_of_[caller] = session;
    caller_of_[session] = caller;
  }
  pass(*std::move(message));
}

void OutsideSessions::on_gone(Caller caller) {
  const auto known = session_of_.find(caller);
  if (known == session_of_.end()) return;
  pass(control::OutsideLeave{known->second, control::OutsideGoing::kGone});
  forget(known->second);
}

void OutsideSessions::on_queue_vm(control::Message message) {
  const auto session = take_session(message);
  const auto known = caller_of_.find(session);
  if (known == caller_of_.end()) return;  // it left meanwhile
  ways_.to_caller(known->second, {DoorKind::kOutside, control::encode(message)});
  if (std::holds_alternative<control::OutsideClosed>(message)) forget(session);
}

bool OutsideSessions::is_reply(const control::Message& message) {
  return std::visit(
      [](const auto& body) {
        return is_one_of<std::decay_t<decltype(body)>, control::OutsideReply>;
      },
      message);
}

void OutsideSessions::begin() {
  begun_ = true;
  for (auto& message : std::exchange(waiting_, {})) ways_.to_queue_vm(message);
}

void OutsideSessions::end(const std::string& why) {
  if (!ended_.empty()) return;
  ended_ = why;
  const auto callers = std::exchange(session_of_, {});
  caller_of_.clear();
  for (const auto& [caller, session] : callers) {
    pass(control::OutsideLeave{session, control::OutsideGoing::kGone});
    ways_.refuse(caller, why);
  }
}

void OutsideSessions::pass(control::Message message) {
  if (begun_) {
    ways_.to_queue_vm(message);
  } else {
    waiting_.push_back(std::move(message));
  }
}

void OutsideSessions::forget(std::uint32_t session) {
  const auto known = caller_of_.find(session);
  session_of_.erase(known->second);
  caller_of_.erase(known);
}

}  // namespace mvm::run
