// SPDX-License-Identifier: Apache-2.0
#include "outside_outlet.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include <mvm/base/records.hpp>
#include <mvm/queuelayer/control_protocol.hpp>

namespace mvm::queue {

using control::OutsideClosed;
using control::OutsideEnd;
using control::OutsideGoing;

namespace {

constexpr std::uint64_t kLengthSize = 4;  ///< before each message in the stream

std::string_view text_of(const std::byte* data, std::uint64_t length) {
  return {reinterpret_cast<const char*>(data), length};
}

}  // namespace

Result<std::unique_ptr<OutsideOutlet>> OutsideOutlet::make(const Arena& arena,
                                                           const PortRecord& port,
                                                           std::uint32_t self, std::string name) {
  std::unique_ptr<OutsideOutlet> outlet(new OutsideOutlet);
  outlet->name_ = std::move(name);
  for (const auto channel : arena.list<std::uint32_t>(port.receives)) {
    auto decoder = Decoder::of(arena, arena.channel(channel), {});
    if (!decoder) return fail(decoder.error());
    outlet->sources_.push_back(std::make_unique<Source>(arena, channel, self, *std::move(decoder)));
  }
  return outlet;
}

void OutsideOutlet::open(const control::OutsideOpen& open, Replies& replies) {
  if (!broken_.empty()) {
    replies.push_back(
        OutsideClosed{open.session, OutsideEnd::kRefused, ErrorCode::kArena, broken_});
    return;
  }
  const auto wanted = open.limit == 0 ? std::numeric_limits<std::uint64_t>::max() : open.limit;
  sessions_.push_back({.number = open.session, .wanted = wanted});
}

bool OutsideOutlet::has(std::uint32_t session) const {
  return std::ranges::any_of(sessions_, [&](const Session& s) { return s.number == session; });
}

void OutsideOutlet::done(const control::OutsideDone& done) {
  const auto session = std::ranges::find(sessions_, done.session, &Session::number);
  if (session == sessions_.end()) return;
  const auto whole = session->held.size() - (session->unsent > 0 ? 1 : 0);
  if (done.messages > whole || done.bytes > session->under_way) {
    session->problem = "it was done with more than it had been given";
    return;
  }
  session->under_way -= done.bytes;
  for (std::uint64_t i = 0; i < done.messages; ++i) {
    const auto& held = session->held.front();
    held.reader->give_back(held.cookie, false);
    session->held.pop_front();
  }
}

void OutsideOutlet::leave(const control::OutsideLeave& leave) {
  const auto session = std::ranges::find(sessions_, leave.session, &Session::number);
  if (session == sessions_.end()) return;
  session->leaving = true;
  session->gone |= leave.how == OutsideGoing::kGone;
}

bool OutsideOutlet::step(Replies& replies) {
  bool moved = false;
  if (broken_.empty()) {
    for (auto& session : sessions_) moved |= fill(session, replies);
  }
  return end_some(replies) || moved;
}

bool OutsideOutlet::wants_message(const Session& session) const {
  return !session.leaving && session.problem.empty() && session.wanted > 0 && session.unsent == 0 &&
         session.under_way < control::kOutsideWindow.count;
}

/// Gives a session what its window admits, one frame of it.
bool OutsideOutlet::fill(Session& session, Replies& replies) {
  std::string stream;
  send_some(session, stream);
  while (stream.size() < control::kMaxText && wants_message(session)) {
    Held held;
    if (!take(held)) break;
    session.unsent = kLengthSize + held.bytes().size();
    session.held.push_back(std::move(held));
    --session.wanted;
    send_some(session, stream);
  }
  if (stream.empty()) return false;
  replies.emplace_back(control::OutsideData{session.number, std::move(stream)});
  return true;
}

/// Appends to the frame what it and the window have room for of the last message's record.
void OutsideOutlet::send_some(Session& session, std::string& stream) {
  if (session.unsent == 0 || session.gone) return;
  const auto message = session.held.back().bytes();
  const auto head = record_head(message.size());
  const auto size = kLengthSize + message.size();
  const auto add = [&](std::string_view part, std::uint64_t begin) {
    // `part` is the record's bytes from `begin` on; the first size - unsent are sent already.
    const auto sent = size - session.unsent;
    if (sent >= begin + part.size()) return;
    const auto room = std::min<std::uint64_t>(control::kMaxText - stream.size(),
                                              control::kOutsideWindow.count - session.under_way);
    const auto piece = part.substr(sent - begin, room);
    stream.append(piece);
    session.unsent -= piece.size();
    session.under_way += piece.size();
  };
  add(head, 0);
  if (size - session.unsent >= kLengthSize) add(message, kLengthSize);
}

/// The next message, returned or new. False: there is none now.
bool OutsideOutlet::take(Held& held) {
  if (!returned_.empty()) {
    held = std::move(returned_.front());
    returned_.pop_front();
    return true;
  }
  while (Source* source = next_source()) {
    if (take_from(*source, held)) return true;
    if (!broken_.empty()) return false;
  }
  return false;
}

/// The source whose message is the most urgent; of equals the next in turn. Null: none has one.
OutsideOutlet::Source* OutsideOutlet::next_source() {
  Source* best = nullptr;
  const auto first = turn_;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto position = (first + i) % sources_.size();
    Source& source = *sources_[position];
    if (!source.reader.available()) continue;
    if (best != nullptr && source.reader.urgency() >= best->reader.urgency()) continue;
    best = &source;
    turn_ = (position + 1) % sources_.size();
  }
  return best;
}

/// False when what was taken is not a whole message, or there was none after all.
bool OutsideOutlet::take_from(Source& source, Held& held) {
  Piece piece;
  switch (source.reader.take(piece)) {
    case Taken::kCut:
    case Taken::kNothing:
      return false;
    case Taken::kCorrupt:
      break_off("was overwritten by some task of the group");
      return false;
    case Taken::kPiece:
      break;
  }
  if ((piece.more || source.assembling) && !assemble(source, piece)) return false;
  held = {
      .reader = &source.reader, .cookie = piece.cookie, .view = text_of(piece.data, piece.length)};
  if (source.assembling) {
    held.own = std::exchange(source.assembled, {});
    held.is_own = true;
    source.assembling = false;
  }
  return decode(source, held, piece.type);
}

/// Adds a fragment. False while more follow. The last one is held until the message is done.
bool OutsideOutlet::assemble(Source& source, const Piece& piece) {
  if (!std::exchange(source.assembling, true)) source.assembled.clear();
  if (source.assembled.size() + piece.length > piece.message_length) {
    break_off("was overwritten by some task of the group");
    return false;
  }
  source.assembled.append(text_of(piece.data, piece.length));
  if (piece.more) source.reader.give_back(piece.cookie, true);
  return !piece.more;
}

bool OutsideOutlet::decode(Source& source, Held& held, std::uint32_t type) {
  if (!source.decoder) return true;
  const auto encoded = held.bytes();
  const auto plain = source.decoder->decode(
      {reinterpret_cast<const std::byte*>(encoded.data()), encoded.size()}, type);
  if (!plain) {
    break_off(text("has a message that cannot be decoded: ", plain.error().message));
    return false;
  }
  held.own = std::string(text_of(plain->bytes.data(), plain->bytes.size()));
  held.is_own = true;
  return true;
}

bool OutsideOutlet::all_ended() {
  for (const auto& source : sources_) {
    if (!source->reader.ended()) return false;
    // The sender died in the middle of a message: it never was.
    source->assembling = false;
  }
  return returned_.empty();
}

/// What a session that is gone held, for the next one, in its order.
void OutsideOutlet::put_back(Session& session) {
  returned_.insert(returned_.begin(), std::make_move_iterator(session.held.begin()),
                   std::make_move_iterator(session.held.end()));
}

/// Ends the sessions that have nothing more to get.
bool OutsideOutlet::end_some(Replies& replies) {
  const auto before = sessions_.size();
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    OutsideClosed closed{.session = session->number};
    if (!session->problem.empty()) {
      closed.end = OutsideEnd::kRefused;
      closed.code = ErrorCode::kProtocol;
      closed.message = session->problem;
    } else if (!broken_.empty()) {
      closed.end = OutsideEnd::kRefused;
      closed.code = ErrorCode::kArena;
      closed.message = broken_;
    } else if (!session->gone) {
      const bool nothing_held = session->held.empty();
      const bool satisfied = session->leaving || session->wanted == 0;
      // What others hold may come back to be given again.
      const bool nothing_comes =
          nothing_held &&
          std::ranges::all_of(sessions_, [](const Session& s) { return s.held.empty(); }) &&
          all_ended();
      if (!nothing_held || !(satisfied || nothing_comes)) {
        ++session;
        continue;
      }
      closed.end = satisfied ? OutsideEnd::kAsAsked : OutsideEnd::kStream;
      if (!satisfied) closed.message = text("port '", name_, "' has ended");
    }
    if (!session->gone) replies.push_back(std::move(closed));
    put_back(*session);
    session = sessions_.erase(session);
  }
  return sessions_.size() < before;
}

void OutsideOutlet::break_off(std::string problem) {
  broken_ = text("a queue of port '", name_, "' ", problem);
}

std::int64_t OutsideOutlet::due() const {
  auto at = kNever;
  if (std::ranges::none_of(sessions_, [this](const auto& s) { return wants_message(s); })) {
    return at;
  }
  for (const auto& source : sources_) at = std::min(at, source->reader.available_at());
  return at;
}

}  // namespace mvm::queue
