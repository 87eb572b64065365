// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/queue_reader.hpp>
#include <mvm/queuelayer/queue_writer.hpp>
#include <mvm/queuelayer/task_lines.hpp>
#include <mvm/queuelayer/waiter.hpp>

/// The blocking ends of a channel as a task has them, without the task.
namespace mvm::queue {

/// What message number `number` of a channel holds; no two neighbours look alike, and a message cut
/// or put together wrongly does not either.
inline std::string pattern(std::uint64_t number, std::uint64_t length) {
  std::string bytes(length, '\0');
  for (std::uint64_t i = 0; i < length; ++i) {
    bytes[i] = static_cast<char>(number * 131 + i * 7 + (i >> 8) * 13);
  }
  return bytes;
}

/// A message that tells its number, then the pattern. At least 8 bytes.
inline std::string numbered(std::uint64_t number, std::uint64_t length) {
  auto bytes = pattern(number, length);
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}
/// The number that a numbered message tells; nothing when its bytes are not those.
inline std::optional<std::uint64_t> number_of(const std::string& message) {
  std::uint64_t number = 0;
  if (message.size() < sizeof number) return {};
  std::memcpy(&number, message.data(), sizeof number);
  if (message != numbered(number, message.size())) return {};
  return number;
}

/// Far more than any wait of a test takes, so that a lost wake-up is a failure and not a hang.
inline constexpr std::chrono::seconds kPatience{60};

inline std::int64_t patience_of(const Arena& arena) {
  return group_now_ns(arena.header().clock) + std::chrono::nanoseconds(kPatience).count();
}

/// The direct line over which a task has one end of a channel; nulls: it has none.
struct LineEnd {
  TaskLines* all = nullptr;  ///< of the task
  DirectLine* line = nullptr;
};

enum class Posted { kYes, kClosed, kTimedOut };

class BlockingSender {
 public:
  BlockingSender(const Arena& arena, std::uint32_t channel, SenderHeap& heap, LineEnd line = {})
      : arena_(arena), line_(line), writer_(arena, channel, heap) {
    if (line_.line != nullptr) line_.line->carry_away(channel, *writer_.ring());
  }

  /// True when the queue has room for `length` bytes, false when nobody takes them or in time.
  Posted wait_for_room(std::uint64_t length) {
    Waiter waiter(arena_.endpoint(writer_.channel().sender), arena_.header().clock);
    const auto ready = [&] { return writer_.receiver_closed() || writer_.ready(length); };
    writer_.expect_room(true);
    const bool in_time = waiter.attended_by(line_.all).wait(ready, patience_of(arena_));
    writer_.expect_room(false);
    if (writer_.receiver_closed()) return Posted::kClosed;
    return in_time ? Posted::kYes : Posted::kTimedOut;
  }
  Posted send(const std::string& message) {
    for (;;) {
      if (const auto room = wait_for_room(message.size()); room != Posted::kYes) return room;
      if (writer_.send(message.data(), message.size(), 0, {}) != Sent::kDone) continue;
      if (line_.line != nullptr) line_.line->on_sent();
      return Posted::kYes;
    }
  }
  /// Nothing more will come.
  void close() {
    writer_.close();
    if (line_.line != nullptr) line_.line->end_sending();
  }
  QueueWriter& writer() { return writer_; }

 private:
  const Arena& arena_;
  LineEnd line_;
  QueueWriter writer_;
};

enum class Received { kMessage, kNothing, kEnd, kCorrupt, kCut, kTimedOut };

class BlockingReceiver {
 public:
  BlockingReceiver(const Arena& arena, std::uint32_t channel, std::uint32_t self, LineEnd line = {})
      : arena_(arena), self_(self), lines_(line.all), reader_(arena, channel, self) {
    if (line.line == nullptr) return;
    line.line->bring(channel);
    reader_.attach(*line.line);
  }

  /// The next whole message, its fragments put together and given back.
  Received receive(std::string& message) {
    for (;;) {
      message.clear();
      Piece piece;
      do {
        const auto taken = take(piece);
        if (taken == Received::kCut) break;
        if (taken != Received::kMessage) return taken;
        message.append(reinterpret_cast<const char*>(piece.data), piece.length);
        reader_.give_back(piece.cookie, piece.more);
      } while (piece.more);
      if (piece.more) continue;  // it comes again
      if (message.size() == piece.message_length) return Received::kMessage;
      return Received::kCorrupt;
    }
  }
  /// Waits for one fragment. The end is also what the rest of a message cut short looks like.
  Received take(Piece& piece) {
    Waiter waiter(arena_.endpoint(self_), arena_.header().clock);
    for (;;) {
      const auto ready = [&] { return reader_.available() || reader_.ended(); };
      if (!waiter.attended_by(lines_).wait(ready, patience_of(arena_))) {
        return Received::kTimedOut;
      }
      switch (reader_.take(piece)) {
        case Taken::kPiece:
          return Received::kMessage;
        case Taken::kCorrupt:
          return Received::kCorrupt;
        case Taken::kCut:
          return Received::kCut;
        case Taken::kNothing:
          break;  // a competitor was quicker, or the end
      }
      if (reader_.ended()) return Received::kEnd;
    }
  }
  /// Looks after the lines of the task once: nothing can be taken.
  bool is_idle() {
    if (lines_ != nullptr) lines_->look();
    return !reader_.available();
  }
  QueueReader& reader() { return reader_; }

 private:
  const Arena& arena_;
  std::uint32_t self_;
  TaskLines* lines_;
  QueueReader reader_;
};

}  // namespace mvm::queue
