// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/direct_line.hpp>

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {
namespace {

/// Messages that follow the last write within this time gather.
constexpr std::int64_t kGatherNs = 3'000;
/// What has gathered leaves after this time, when the job's threads do nothing for it.
constexpr std::int64_t kLeaveByNs = 50'000;
/// What was given back is told with messages that leave; or by a look after this time, when it was
/// not worth it before.
constexpr std::int64_t kTellAfterNs = 150'000;
/// The same when the task does not wait: then another thread has to be woken for it.
constexpr std::int64_t kTellAtLastNs = 1'000'000;
/// Reads in one look.
constexpr int kReadsPerLook = 4;

/// Nobody is at the other end of a ring that is emptied by its own sender.
EndpointRecord& nobody() {
  static EndpointRecord endpoint{};
  return endpoint;
}

ssize_t write_some(int socket, std::span<iovec> parts) {
  if (parts.size() == 1) {
    return ::send(socket, parts[0].iov_base, parts[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

DirectLine::DirectLine(const Arena& arena, UniqueFd socket, LineAlarm& alarm)
    : arena_(arena),
      link_(&arena.endpoint(arena.header().link)),
      socket_(std::move(socket)),
      alarm_(alarm) {
  intake_.emplace(0, 0);
}

DirectLine::~DirectLine() {
  break_off();
}

void DirectLine::carry_away(std::uint32_t channel, RingWriter& ring) {
  out_ = &arena_.channel(channel);
  ring_ = &ring;
  ring.tell(nobody());
  outgoing_.add_channel(arena_, channel);
}

void DirectLine::bring(std::uint32_t channel) {
  in_ = &arena_.channel(channel);
  intake_.emplace(in_->capacity, in_->byte_capacity);
}

// Receiving.

bool DirectLine::look() {
  std::uint64_t news = 0;
  {
    const std::scoped_lock lock(in_mutex_);
    bool moved = false;
    for (int reads = 0; reads < kReadsPerLook && read_some(moved); ++reads) continue;
    if (is_over() ? was_settled_ : !moved) return false;
    was_settled_ = is_over();
    if (in_ != nullptr && !in_over_) {
      in_->line_received.store(intake_->received(), std::memory_order_release);
    }
    if (is_over() || intake_->end_heard()) end_bringing();
    news = intake_->news();
  }
  take_news(news);
  return true;
}

/// True when there may be more. `moved` is raised when something came.
bool DirectLine::read_some(bool& moved) {
  if (is_over()) return false;
  const auto room = intake_->room();
  const auto got = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0 || !intake_->came(static_cast<std::size_t>(got))) {
    end_line();
    return false;
  }
  moved = true;
  return static_cast<std::size_t>(got) == room.size();
}

void DirectLine::end_bringing() {
  intake_->end();
  if (in_ == nullptr || in_over_.exchange(true, std::memory_order_acq_rel)) return;
  in_->line_received.store(intake_->received(), std::memory_order_release);
  in_->line.store(LineState::kOver, std::memory_order_release);
  ring(*link_);
}

bool DirectLine::available() {
  const std::scoped_lock lock(in_mutex_);
  return intake_->available();
}

bool DirectLine::ended() {
  if (!in_over_.load(std::memory_order_acquire)) return false;
  const std::scoped_lock lock(in_mutex_);
  return !intake_->available() && intake_->taken() == intake_->received();
}

Taken DirectLine::take(Piece& piece) {
  const std::scoped_lock lock(in_mutex_);
  return intake_->take(piece);
}

/// Told at once where a sender may wait for it: a quarter of what the queue holds, so that one who
/// does not wait never has to.
void DirectLine::give_back(std::uint64_t cookie, bool more) {
  bool awaited = false;
  {
    const std::scoped_lock lock(in_mutex_);
    intake_->give_back(cookie, more);
    if (more) return;
    const auto released = intake_->released();
    released_.store(released, std::memory_order_seq_cst);
    in_->line_released.store(released, std::memory_order_release);
    if (in_over_.load(std::memory_order_acquire)) ring(*link_);
    awaited = released - told_.load(std::memory_order_relaxed) >= std::max(in_->capacity / 4, 1u) ||
              intake_->released_bytes() - told_bytes_ >= in_->byte_capacity / 4;
    if (awaited) told_bytes_ = intake_->released_bytes();
  }
  if (is_over()) return;  // the link tells it
  if (untold_since_ns_.load(std::memory_order_seq_cst) == 0) {
    const auto now_ns = monotonic_ns();
    untold_since_ns_.store(now_ns, std::memory_order_seq_cst);
    if (!awaited) alarm_.ring_by(now_ns + kTellAtLastNs);
  }
  if (awaited) tell(true);
}

void DirectLine::tell(bool at_once) {
  const auto since_ns = untold_since_ns_.load(std::memory_order_relaxed);
  if (since_ns == 0 || (!at_once && monotonic_ns() - since_ns < kTellAfterNs)) return;
  pump();
}

void DirectLine::tell_in_time() {
  tell(false);
  const auto since_ns = untold_since_ns_.load(std::memory_order_seq_cst);
  if (since_ns != 0 && !is_over()) alarm_.ring_by(since_ns + kTellAtLastNs);
}

std::uint64_t DirectLine::taken() {
  const std::scoped_lock lock(in_mutex_);
  return intake_->taken();
}

bool DirectLine::is_between_pieces() {
  const std::scoped_lock lock(in_mutex_);
  return intake_->is_between_pieces();
}

bool DirectLine::go_straight(std::byte* to) {
  const std::scoped_lock lock(in_mutex_);
  if (!intake_->is_between_pieces()) return false;
  intake_->go_straight(to);
  return true;
}

DirectLine::Straight DirectLine::straight() {
  const std::scoped_lock lock(in_mutex_);
  if (intake_->goes_straight()) return Straight::kComing;
  return intake_->take_cut() ? Straight::kCut : Straight::kWhole;
}

// Sending.

void DirectLine::on_sent() {
  const auto now_ns = monotonic_ns();
  unsent_.store(true, std::memory_order_seq_cst);
  if (out_over_.load(std::memory_order_seq_cst)) [[unlikely]] {
    if (!std::exchange(tells_link_, true)) ring_->tell(*link_);
    return ring(*link_);
  }
  if (now_ns - pumped_ns_.load(std::memory_order_relaxed) >= kGatherNs && !is_stuck()) {
    const std::scoped_lock lock(out_mutex_);
    write_all();
    pumped_ns_.store(monotonic_ns(), std::memory_order_relaxed);
  } else {
    alarm_.ring_by(now_ns + kLeaveByNs);
  }
}

/// Where another thread is at it, that one may have looked for the last time.
void DirectLine::pump() {
  std::unique_lock lock(out_mutex_, std::try_to_lock);
  if (!lock) {
    unsent_.store(true, std::memory_order_seq_cst);
    return alarm_.ring_by(monotonic_ns() + kLeaveByNs);
  }
  write_all();
  pumped_ns_.store(monotonic_ns(), std::memory_order_relaxed);
}

/// What was released and has not been told.
std::optional<std::uint64_t> DirectLine::untold() {
  if (untold_since_ns_.load(std::memory_order_relaxed) == 0) return {};
  untold_since_ns_.store(0, std::memory_order_seq_cst);
  const auto released = released_.load(std::memory_order_seq_cst);
  if (released == told_.load(std::memory_order_relaxed)) return {};
  told_.store(released, std::memory_order_relaxed);
  return released;
}

void DirectLine::write_all() {
  bool stuck = false;
  while (!is_over() && !stuck) {
    if (outgoing_.is_empty()) {
      if (outgoing_.has_ended()) end_carrying();
      unsent_.store(false, std::memory_order_seq_cst);
      if (out_over_) outgoing_.end_channel();
      const auto gathered = outgoing_.gather(untold(), ending_);
      if (gathered == LineOutgoing::Gathered::kNothing) break;
      if (gathered == LineOutgoing::Gathered::kBroken) {
        end_line();  // the link says why
        break;
      }
    }
    const auto put = write_some(socket_.get(), outgoing_.parts());
    if (put >= 0) {
      outgoing_.advance(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      stuck = true;
    } else if (errno != EINTR) {
      end_line();
    }
  }
  if (is_over()) end_carrying();
  if (stuck || is_over()) unsent_.store(stuck && !is_over(), std::memory_order_seq_cst);
  const bool was_stuck = stuck_.exchange(stuck, std::memory_order_relaxed);
  if (stuck && !was_stuck) alarm_.ring_by(monotonic_ns());
}

void DirectLine::take_news(std::uint64_t news) {
  if (news <= news_seen_.load(std::memory_order_relaxed) && !is_over()) return;
  const std::scoped_lock lock(out_mutex_);
  if (!out_over_ && news > news_seen_) {
    news_seen_ = news;
    if (out_ == nullptr || !outgoing_.release_until(news)) end_line();
  }
  if (is_over()) end_carrying();
}

void DirectLine::end_sending() {
  const std::scoped_lock lock(out_mutex_);
  ending_ = true;
  write_all();
}

/// With the lock, so that nobody moves anything on the ring afterwards.
void DirectLine::end_carrying() {
  if (out_ == nullptr || out_over_.exchange(true, std::memory_order_seq_cst)) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  out_->line.store(LineState::kOver, std::memory_order_release);
  ring(*link_);
}

// Both.

void DirectLine::on_hang_up() {
  const std::scoped_lock lock(out_mutex_);
  end_carrying();
}

void DirectLine::break_off() {
  end_line();
  const std::scoped_lock lock(in_mutex_, out_mutex_);
  end_bringing();
  end_carrying();
}

/// What came and was not read is not taken in any more. Both channels are to be told of it, each
/// with its lock.
void DirectLine::end_line() {
  if (over_.exchange(true, std::memory_order_acq_rel)) return;
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace mvm::queue
