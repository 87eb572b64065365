// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/line_outgoing.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include "line_frame.hpp"
#include "little_endian.hpp"

namespace mvm::queue {
namespace {

/// Payloads up to this are copied together, which is less work for the kernel.
constexpr std::uint64_t kCopied = 1 << 10;
constexpr std::size_t kSmallBytes = 64 << 10;
/// What one record and the counts need of it, at most.
constexpr std::size_t kMostSmall = kCopied + 4 * line::kUnit;
constexpr std::size_t kMostParts = 256;
/// Bytes in one call of the system.
constexpr std::size_t kMostBytes = 1 << 20;

}  // namespace

LineOutgoing::LineOutgoing() : small_(std::make_unique<std::byte[]>(kSmallBytes)) {
  parts_.reserve(kMostParts + 8);
}

void LineOutgoing::add_channel(const Arena& arena, std::uint32_t channel) {
  reader_.emplace(arena, channel, true);
}

bool LineOutgoing::is_full(std::size_t bytes) const {
  return parts_.size() >= kMostParts || bytes >= kMostBytes ||
         small_used_ + kMostSmall > kSmallBytes;
}

LineOutgoing::Gathered LineOutgoing::gather(std::optional<std::uint64_t> news, bool ends) {
  parts_.clear();
  next_part_ = small_used_ = 0;
  if (news) news_ = news;
  std::size_t bytes = 0;
  bool emptied = !reader_;
  while (reader_ && !is_full(bytes)) {
    if (in_message_ == 0 && news_) add_count(line::kNews, *std::exchange(news_, {}));
    Piece piece;
    const auto taken = reader_->take(piece);
    emptied = taken == Taken::kNothing;
    if (emptied) break;
    if (taken != Taken::kPiece || !add(piece)) return Gathered::kBroken;
    bytes += piece.length;
  }
  if (in_message_ == 0 && news_) add_count(line::kNews, *std::exchange(news_, {}));
  if (ends && emptied && in_message_ == 0 && !std::exchange(ended_, true)) {
    add_count(line::kEnd, whole_);
  }
  return parts_.empty() ? Gathered::kNothing : Gathered::kSome;
}

/// False for a fragment that contradicts those before it.
bool LineOutgoing::add(const Piece& piece) {
  const bool first = in_message_ == 0;
  if (first) {
    in_message_ = message_length_ = piece.message_length;
    auto* at = add_small(line::payload_at(message_length_));
    std::memset(at, 0, line::payload_at(message_length_));
    put_little(at, static_cast<std::uint32_t>(message_length_));
    put_little(at, piece.type);
  }
  const bool last = piece.length == in_message_;
  if (piece.length > in_message_ || last == piece.more) return false;
  if (piece.length <= kCopied) {
    std::copy_n(piece.data, piece.length, add_small(piece.length));
  } else {
    add_part(piece.data, piece.length);
  }
  in_message_ -= piece.length;
  kept_.push_back({piece.cookie, last});
  if (!last) return true;
  ++whole_;
  const auto padding = line::padding(message_length_);
  std::fill_n(add_small(padding), padding, std::byte{0});
  return true;
}

void LineOutgoing::add_count(std::uint32_t type, std::uint64_t count) {
  auto* at = add_small(line::kUnit);
  put_little(at, static_cast<std::uint32_t>(line::kCountBytes));
  put_little(at, type);
  put_little(at, count);
}

std::byte* LineOutgoing::add_small(std::size_t length) {
  auto* at = small_.get() + small_used_;
  small_used_ += length;
  if (length > 0) add_part(at, length);
  return at;
}

void LineOutgoing::add_part(const std::byte* data, std::size_t length) {
  if (!parts_.empty()) {
    auto& last = parts_.back();
    if (static_cast<const std::byte*>(last.iov_base) + last.iov_len == data) {
      last.iov_len += length;
      return;
    }
  }
  parts_.push_back({const_cast<std::byte*>(data), length});
}

void LineOutgoing::advance(std::size_t count) {
  while (count > 0) {
    auto& part = parts_[next_part_];
    const auto done = std::min(count, part.iov_len);
    part.iov_base = static_cast<std::byte*>(part.iov_base) + done;
    part.iov_len -= done;
    count -= done;
    if (part.iov_len == 0) ++next_part_;
  }
}

std::optional<bool> LineOutgoing::release_until(std::uint64_t total) {
  if (total > whole_) return {};
  if (total <= released_) return false;
  while (released_ < total) {
    const auto [cookie, last] = kept_.front();
    kept_.pop_front();
    reader_->give_back(cookie, !last);
    if (last) ++released_;
  }
  return true;
}

}  // namespace mvm::queue
