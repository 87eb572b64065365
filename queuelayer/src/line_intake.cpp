// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/line_intake.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <mvm/queuelayer/wiring_plan.hpp>

#include "line_frame.hpp"
#include "little_endian.hpp"

namespace mvm::queue {
namespace {

constexpr std::size_t kChunkBytes = 256 << 10;
/// Messages up to this come in as a whole.
constexpr std::uint64_t kSmall = 32 << 10;
/// With less room in a chunk the next one is begun.
constexpr std::size_t kLeastRoom = 4 << 10;
/// At most so much comes in at once where a large message may begin: what comes with its beginning
/// has to be copied.
constexpr std::size_t kMostAtOnce = 64 << 10;
/// Chunks that nobody needs and that are kept.
constexpr std::size_t kSpareChunks = 1;

}  // namespace

struct LineIntake::Chunk {
  alignas(kLine) std::byte bytes[kChunkBytes];
  std::size_t users = 0;  ///< messages and parts in it that were not given back
};

LineIntake::LineIntake(std::uint64_t capacity, std::uint64_t byte_capacity)
    : capacity_(capacity), byte_capacity_(byte_capacity) {
  chunk_ = fresh_chunk();
}
LineIntake::~LineIntake() = default;

/// Of the chunks that nobody needs, one is used, and few are kept.
LineIntake::Chunk* LineIntake::fresh_chunk() {
  Chunk* fresh = nullptr;
  std::size_t spare = 0;
  std::erase_if(chunks_, [&](const auto& chunk) {
    if (chunk->users != 0 || chunk.get() == chunk_) return false;
    if (fresh == nullptr) {
      fresh = chunk.get();
      return false;
    }
    return ++spare > kSpareChunks;
  });
  if (fresh == nullptr) fresh = chunks_.emplace_back(new Chunk).get();
  return fresh;
}

std::span<std::byte> LineIntake::room() {
  if (!is_mid_large()) {
    make_room(kLeastRoom);
    return {chunk_->bytes + end_, std::min(kChunkBytes - end_, kMostAtOnce)};
  }
  const Large& large = large_.back();
  if (large.to != nullptr) return {large.to, large.left};
  begin_ = end_;
  make_room(kSmall);
  return {chunk_->bytes + end_, std::min<std::uint64_t>(kChunkBytes - end_, large.left)};
}

/// So much behind `end_`. What is no frame yet moves to the beginning of a chunk for that, or
/// nothing, so that the same lines are used again; distances from multiples of a unit stay.
void LineIntake::make_room(std::size_t wanted) {
  const bool fits = end_ + wanted <= kChunkBytes;
  if (fits && (begin_ < end_ || chunk_->users != 0)) return;
  const Chunk* from = chunk_;
  if (chunk_->users != 0) chunk_ = fresh_chunk();
  const auto start = std::min(begin_, end_) / line::kUnit * line::kUnit;
  if (begin_ < end_) {
    std::memmove(chunk_->bytes + begin_ - start, from->bytes + begin_, end_ - begin_);
  }
  begin_ -= start;
  end_ -= start;
}

bool LineIntake::came(std::size_t count) {
  if (!is_mid_large()) {
    end_ += count;
    return find_frames();
  }
  Large& large = large_.back();
  large.left -= count;
  if (large.to != nullptr) {
    large.to += count;
  } else {
    add_part(end_, count);
    end_ += count;
  }
  if (large.left == 0) end_large();
  return true;
}

bool LineIntake::find_frames() {
  while (begin_ + line::kHeaderBytes <= end_) {
    const std::byte* at = chunk_->bytes + begin_;
    const auto length = get_little<std::uint32_t>(at);
    const auto type = get_little<std::uint32_t>(at);
    const auto frame = line::frame_bytes(length);
    const auto payload = begin_ + line::payload_at(length);
    if (frame > end_ - begin_) {
      if (length <= kSmall) {
        // Its end may be beyond the chunk's.
        if (frame > kChunkBytes - begin_) make_room(kChunkBytes);
        return true;
      }
      if (payload > end_) return true;
      if (!begin_message(length, type)) return false;
      begin_large(payload, length);
      return true;
    }
    if ((type & (line::kNews | line::kEnd)) != 0) {
      if (length != line::kCountBytes || !on_count(type, get_little<std::uint64_t>(at))) {
        return false;
      }
    } else {
      if (!begin_message(length, type)) return false;
      Message& message = messages_.back();
      message.data = chunk_->bytes + payload;
      message.chunk = chunk_;
      ++chunk_->users;
      ++received_;
    }
    begin_ += frame;
  }
  return true;
}

/// False for one that an honest sender would not send.
bool LineIntake::begin_message(std::uint32_t length, std::uint32_t type) {
  const bool fits =
      messages_.size() < capacity_ && (messages_.empty() || open_bytes_ + length <= byte_capacity_);
  const bool sound = length <= kMaxMessage.count && (type & ~kTypeMask) == 0;
  if (!fits || !sound || end_heard_) return false;
  messages_.push_back({.length = length, .type = type});
  open_bytes_ += length;
  return true;
}

bool LineIntake::on_count(std::uint32_t type, std::uint64_t count) {
  if (type == line::kNews) {
    const bool grows = count >= news_;
    news_ = count;
    return grows;
  }
  if (type != line::kEnd || end_heard_ || count != received_) return false;
  end_heard_ = true;
  return true;
}

void LineIntake::begin_large(std::size_t payload, std::uint64_t length) {
  const auto came = end_ - payload;
  large_.push_back({.number = first_ + messages_.size() - 1, .left = length - came, .parts = {}});
  if (came > 0) add_part(payload, came);
}

void LineIntake::add_part(std::size_t begin, std::size_t length) {
  large_.back().parts.push_back({chunk_->bytes + begin, length, chunk_});
  ++chunk_->users;
}

/// What follows is its padding, and then the next frame.
void LineIntake::end_large() {
  ++received_;
  begin_ = end_ = (end_ + line::kUnit - 1) / line::kUnit * line::kUnit;
  if (const auto rest = messages_.back().length % line::kUnit; rest != 0) {
    end_ += rest;
    begin_ += line::kUnit;
  }
  if (large_.back().to == nullptr) return;
  large_.pop_back();
  ++taken_;
}

void LineIntake::end() {
  if (std::exchange(ended_, true) || !is_mid_large()) return;
  Large& large = large_.back();
  cut_ = large.taken;
  if (large.taken) --handed_;
  open_bytes_ -= messages_.back().length;
  messages_.pop_back();
  // A piece that is out is still looked at: its chunk stays.
  if (large.out) large.parts.pop_front();
  for (const auto& part : large.parts) --part.chunk->users;
  large_.pop_back();
}

bool LineIntake::available() const {
  if (cut_) return true;
  if (is_mid_message()) return !large_.front().out && !large_.front().parts.empty();
  if (handed_ == messages_.size()) return false;
  return messages_[handed_].chunk != nullptr || !large_.front().parts.empty();
}

Taken LineIntake::take(Piece& piece) {
  if (std::exchange(cut_, false)) return Taken::kCut;
  if (!available()) return Taken::kNothing;
  if (is_mid_message()) return take_piece(piece);
  const auto number = first_ + handed_;
  const Message& message = messages_[handed_++];
  if (message.chunk == nullptr) return take_piece(piece);
  ++taken_;
  piece = {.data = message.data,
           .length = message.length,
           .message_length = message.length,
           .cookie = number << kCookieShift,
           .type = message.type};
  return Taken::kPiece;
}

Taken LineIntake::take_piece(Piece& piece) {
  Large& large = large_.front();
  large.taken = large.out = true;
  Message& message = messages_[large.number - first_];
  const Part part = large.parts.front();
  piece = {.data = part.data,
           .length = part.length,
           .message_length = message.length,
           .cookie = large.number << kCookieShift,
           .type = message.type,
           .more = large.left != 0 || large.parts.size() > 1};
  if (piece.more) return Taken::kPiece;
  // The last piece may be held for as long as a small message.
  message.chunk = part.chunk;
  large_.pop_front();
  ++taken_;
  return Taken::kPiece;
}

void LineIntake::give_back(std::uint64_t cookie, bool more) {
  const auto number = cookie >> kCookieShift;
  if (is_mid_message() && large_.front().out && number == large_.front().number) {
    Large& large = large_.front();
    --large.parts.front().chunk->users;
    large.parts.pop_front();
    large.out = false;
  }
  if (more) return;
  messages_[number - first_].given_back = true;
  while (!messages_.empty() && messages_.front().given_back) {
    const Message& message = messages_.front();
    if (message.chunk != nullptr) --message.chunk->users;
    open_bytes_ -= message.length;
    released_bytes_ += message.length;
    messages_.pop_front();
    ++first_;
    --handed_;
  }
}

}  // namespace mvm::queue
