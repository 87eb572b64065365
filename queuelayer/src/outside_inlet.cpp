// SPDX-License-Identifier: Apache-2.0
#include "outside_inlet.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {

using control::OutsideClosed;
using control::OutsideEnd;
using control::OutsideGoing;

namespace {

/// Messages that are moved before what was done is told, and others have their turn.
constexpr int kMessagesPerStep = 1024;

}  // namespace

OutsideInlet::OutsideInlet(const Arena& arena, std::uint64_t heap_size, std::string name,
                           std::unique_ptr<PortWriter> writer)
    : heap_size_(heap_size),
      clock_(arena.header().clock),
      name_(std::move(name)),
      writer_(std::move(writer)),
      current_(sessions_.end()) {}

Result<std::unique_ptr<OutsideInlet>> OutsideInlet::make(const Arena& arena, const PortRecord& port,
                                                         SenderHeap& heap, std::uint64_t heap_size,
                                                         std::string name) {
  auto writer = PortWriter::open(arena, port, heap, {});
  if (!writer) return fail(writer.error());
  return std::unique_ptr<OutsideInlet>(
      new OutsideInlet(arena, heap_size, std::move(name), *std::move(writer)));
}

void OutsideInlet::open(std::uint32_t session, Replies& replies) {
  if (ended_) {
    replies.push_back(OutsideClosed{session, OutsideEnd::kRefused, ErrorCode::kClosed,
                                    text("port '", name_, "' was ended by `mvm enqueue --end`")});
    return;
  }
  sessions_.push_back(
      {.number = session, .cutter = RecordCutter(RecordFormat::kFrames, kMaxMessage)});
}

bool OutsideInlet::has(std::uint32_t session) const {
  return std::ranges::any_of(sessions_, [&](const Session& s) { return s.number == session; });
}

void OutsideInlet::data(const control::OutsideData& data) {
  for (auto& session : sessions_) {
    if (session.number != data.session || session.leaving || session.verdict) continue;
    // Such frames would take memory and no room of the window.
    if (data.bytes.empty()) {
      return end(session, OutsideEnd::kRefused, ErrorCode::kProtocol, "it sent data without bytes");
    }
    session.arrived_bytes += data.bytes.size();
    if (session.arrived_bytes > control::kOutsideWindow.count) {
      return end(session, OutsideEnd::kRefused, ErrorCode::kProtocol,
                 "it sent more bytes than it was allowed to");
    }
    session.arrived.push_back(data.bytes);
  }
}

void OutsideInlet::leave(const control::OutsideLeave& leave) {
  for (auto& session : sessions_) {
    if (session.number == leave.session && (!session.leaving || leave.how == OutsideGoing::kGone)) {
      session.leaving = leave.how;
    }
  }
}

bool OutsideInlet::step(Replies& replies) {
  bool moved = false;
  for (int i = 0; i < kMessagesPerStep; ++i) {
    if (!aimed_ && !aim_next()) {
      end_leaving();
      break;
    }
    if (!has_room() || !deliver()) break;
    moved = true;
  }
  return report(replies) || moved;
}

/// The next whole message of a session. What was cut may be replaced by more data.
std::optional<std::string_view> OutsideInlet::next_message(Session& session) {
  while (!session.verdict) {
    const auto message = session.cutter.next();
    if (!message) {
      end(session, OutsideEnd::kRefused, message.error().code, message.error().message);
    } else if (*message) {
      return *message;
    } else if (session.arrived.empty()) {
      break;
    } else {
      const auto& bytes = session.arrived.front();
      session.cutter.feed(bytes);
      session.bytes_done += bytes.size();
      session.arrived_bytes -= bytes.size();
      session.arrived.pop_front();
    }
  }
  return {};
}

/// Aims the next message of the next session that has one.
bool OutsideInlet::aim_next() {
  for (std::size_t tried = 0; tried < sessions_.size(); ++tried) {
    current_ = current_ == sessions_.end() ? sessions_.begin() : std::next(current_);
    if (current_ == sessions_.end()) current_ = sessions_.begin();
    const auto message = next_message(*current_);
    if (!message) continue;
    if (RingWriter::streaming_size(message->size()) > heap_size_) {
      end(*current_, OutsideEnd::kRefused, ErrorCode::kLimit,
          text("message ", current_->cutter.count(), " of ", message->size(),
               " bytes does not fit the ", to_string(Bytes{heap_size_}),
               " that this machine has for messages from outside; send it in parts"));
      continue;
    }
    const auto aimed = writer_->aim({.data = message->data(), .length = message->size()});
    if (!aimed) {
      end(*current_, OutsideEnd::kRefused, aimed.error().code,
          text("message ", current_->cutter.count(), ": ", aimed.error().message));
      continue;
    }
    aimed_ = true;
    return true;
  }
  return false;
}

/// Whether the aimed message can be delivered now; if not, receivers ring when they make room.
bool OutsideInlet::has_room() {
  if (!writer_->ready()) {
    writer_->expect_room(expecting_ = true);
    // Pairs with the fence of a receiver that makes room and then looks who waits for it.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!writer_->ready()) {
      if (blocked_since_ == 0) blocked_since_ = group_now_ns(clock_);
      awaited_ = writer_->awaited();
      return false;
    }
  }
  return true;
}

/// False when some queue lost its room.
bool OutsideInlet::deliver() {
  if (expecting_) writer_->expect_room(expecting_ = false);
  if (blocked_since_ != 0) {
    const auto since = std::exchange(blocked_since_, 0);
    if (awaited_ != nullptr) awaited_->count_blocked(group_now_ns(clock_) - since);
  }
  switch (writer_->deliver()) {
    case PortWriter::Delivered::kAll:
      ++current_->messages_done;
      aimed_ = false;
      return true;
    case PortWriter::Delivered::kTryAgain:
      return false;
    case PortWriter::Delivered::kClosed:
      aimed_ = false;
      end(*current_, OutsideEnd::kStream, ErrorCode::kClosed,
          text("no task is left that would receive message ", current_->cutter.count(),
               " from port '", name_, "'"));
      return true;
    case PortWriter::Delivered::kRefused:
      aimed_ = false;
      end(*current_, OutsideEnd::kRefused, ErrorCode::kLimit,
          text("message ", current_->cutter.count(), " was refused: the queue of port '", name_,
               "' is full, and the profile says overflow=\"fail\""));
      return true;
  }
  std::unreachable();
}

void OutsideInlet::end(Session& session, OutsideEnd how, ErrorCode code, std::string message) {
  if (session.verdict) return;
  session.arrived.clear();
  session.verdict = OutsideClosed{session.number, how, code, std::move(message)};
}

void OutsideInlet::end_all(OutsideEnd how, ErrorCode code, const std::string& message) {
  for (auto& session : sessions_) end(session, how, code, message);
}

/// Ends the sessions of programs that leave and have nothing under way, or whose receivers left.
void OutsideInlet::end_leaving() {
  if (sessions_.empty()) return;
  if (writer_->receivers_closed()) {
    end_all(OutsideEnd::kStream, ErrorCode::kClosed,
            text("no task receives from port '", name_, "' any more"));
  }
  for (auto& session : sessions_) {
    if (!session.leaving || session.verdict || !session.arrived.empty()) continue;
    if (auto rest = session.cutter.last(); !rest && *session.leaving != OutsideGoing::kGone) {
      end(session, OutsideEnd::kRefused, rest.error().code, rest.error().message);
      continue;
    }
    end(session, OutsideEnd::kAsAsked, ErrorCode::kClosed, {});
    if (*session.leaving == OutsideGoing::kEndPort) {
      ended_ = true;
      writer_->close();
    }
  }
  if (ended_) {
    end_all(OutsideEnd::kRefused, ErrorCode::kClosed,
            text("port '", name_, "' was ended by another `mvm enqueue --end`"));
  }
}

/// Tells what was done, and forgets the sessions that are over.
bool OutsideInlet::report(Replies& replies) {
  const auto before = replies.size();
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    if (session->messages_done + session->bytes_done > 0) {
      replies.push_back(control::OutsideDone{session->number,
                                             std::exchange(session->messages_done, 0),
                                             std::exchange(session->bytes_done, 0)});
    }
    const bool over = session->verdict && !(aimed_ && current_ == session);
    if (!over) {
      ++session;
      continue;
    }
    replies.push_back(*std::move(session->verdict));
    if (current_ == session) current_ = sessions_.end();
    session = sessions_.erase(session);
  }
  return replies.size() > before;
}

std::int64_t OutsideInlet::due() const {
  return aimed_ ? writer_->ready_at() : kNever;
}

}  // namespace mvm::queue
