// SPDX-License-Identifier: Apache-2.0
#include "direct_connection.hpp"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "link_parcel.hpp"
#include "little_endian.hpp"

namespace mvm::queue {
namespace {

/// What the end that connects says first: these words, its machine, and whom it wants.
constexpr std::string_view kGreeting = "mvmlink2";
constexpr std::size_t kGreetingBytes = kGreeting.size() + 2 * sizeof(std::uint32_t);
/// Or these, to ask for the direct line of a channel, whose id follows. The answer is one byte.
constexpr std::string_view kLineGreeting = "mvmline1";
constexpr std::size_t kLineGreetingBytes = kGreetingBytes + sizeof(std::uint64_t);
constexpr char kGranted = 1;
static_assert(kLineGreeting.size() == kGreeting.size());
/// Before each parcel: the lengths of its head and tail.
constexpr std::size_t kLengthBytes = 2 * sizeof(std::uint32_t);
constexpr std::size_t kLargestParcel = kLengthBytes + kLargestParcelHead + kLargestParcelTail;

/// The user at the other end of a unix socket is the one that runs this machine.
bool is_same_user(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
         peer.uid == ::geteuid();
}

/// A connection that was begun without blocking: 0 when it stands, else why not.
int connect_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  if (error != 0) return error;
  sockaddr_storage address{};
  length = sizeof address;
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0 ? 0 : errno;
}

}  // namespace

DirectConnection::DirectConnection(UniqueFd socket, Side side, const TlsKey* key,
                                   std::uint32_t self, std::optional<std::uint32_t> peer,
                                   std::optional<std::uint64_t> line)
    : socket_(std::move(socket)),
      side_(side),
      has_key_(key != nullptr),
      encrypts_(key != nullptr && key->use() == TlsKey::Use::kEncrypts),
      shaken_(key == nullptr),
      self_(self),
      peer_(peer),
      line_(line) {
  if (key != nullptr) {
    tls_ = std::make_unique<TlsStream>(
        *key, socket_.get(),
        side == Side::kConnects ? TlsStream::Side::kConnects : TlsStream::Side::kAccepts);
  }
  // A stranger is given no more memory than it needs to say who it is.
  in_.resize(kGreetingBytes);
}

DirectConnection::State DirectConnection::advance() {
  if (state_ == State::kOpening) state_ = open_up();
  if (state_ != State::kOpen || line_) return state_;
  flush();
  read_some();
  return state_;
}

DirectConnection::State DirectConnection::open_up() {
  if (side_ == Side::kConnects && !shaken_) {
    const int error = connect_error(socket_.get());
    if (error == ENOTCONN) return State::kOpening;
    if (error != 0) return State::kClosed;
  }
  if (!has_key_ && !is_same_user(socket_.get())) return State::kRefused;
  if (!shaken_) {
    const auto moved = tls_->shake_hands();
    if (moved == Moved::kClosed) return State::kRefused;
    if (moved == Moved::kTryLater) return State::kOpening;
    if (!encrypts_ && !go_on_plainly()) return State::kOpening;
    shaken_ = true;
  }
  if (side_ == Side::kAccepts) return read_greeting();
  if (!std::exchange(greeted_, true)) {
    if (const auto state = greet(); state != State::kOpen) return state;
  }
  return line_ ? read_answer() : State::kOpen;
}

DirectConnection::State DirectConnection::greet() {
  std::string greeting(line_ ? kLineGreetingBytes : kGreetingBytes, '\0');
  const auto words = line_ ? kLineGreeting : kGreeting;
  char* at = std::copy(words.begin(), words.end(), greeting.data());
  put_little(at, self_);
  put_little(at, *peer_);
  if (line_) {
    put_little(at, *line_);
    const auto put = ::send(socket_.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL);
    return put == static_cast<ssize_t>(greeting.size()) ? State::kOpen : State::kClosed;
  }
  if (!tls_) {
    out_ = std::move(greeting);
  } else if (!tls_->write(greeting)) {
    return State::kClosed;
  }
  in_.resize(2 * kLargestParcel);
  return State::kOpen;
}

/// The other end has proved itself, and nobody listens who should not. False while the last words
/// of the handshake have not left.
bool DirectConnection::go_on_plainly() {
  if (tls_->flush() != Moved::kSome) return false;
  const auto behind = tls_->unread();
  in_.resize(std::max(in_.size(), behind.size()));
  in_end_ = behind.copy(in_.data(), behind.size());
  tls_.reset();
  return true;
}

/// Nothing when that much is there.
std::optional<DirectConnection::State> DirectConnection::read_until(std::size_t end) {
  if (in_.size() < end) in_.resize(end);
  while (in_end_ < end) {
    std::size_t count = 0;
    const auto moved = read(count);
    if (moved == Moved::kClosed) return State::kRefused;
    if (moved == Moved::kTryLater) return State::kOpening;
    in_end_ += count;
  }
  return {};
}

DirectConnection::State DirectConnection::read_greeting() {
  if (const auto state = read_until(kGreetingBytes)) return *state;
  const std::string_view words(in_.data(), kGreeting.size());
  const bool is_line = words == kLineGreeting && !tls_;
  if (!is_line && words != kGreeting) return State::kRefused;
  if (is_line) {
    if (const auto state = read_until(kLineGreetingBytes)) return *state;
    if (in_end_ != kLineGreetingBytes) return State::kRefused;  // it was not granted yet
  }
  const char* at = in_.data() + kGreeting.size();
  peer_ = get_little<std::uint32_t>(at);
  if (get_little<std::uint32_t>(at) != self_) return State::kRefused;
  if (is_line) {
    line_ = get_little<std::uint64_t>(at);
    return State::kOpen;
  }
  in_begin_ = kGreetingBytes;
  in_.resize(2 * kLargestParcel);
  return State::kOpen;
}

DirectConnection::State DirectConnection::read_answer() {
  char answer = 0;
  const auto got = ::recv(socket_.get(), &answer, sizeof answer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return State::kOpening;
  return got == 1 && answer == kGranted ? State::kOpen : State::kClosed;
}

void DirectConnection::grant_line(int socket) {
  [[maybe_unused]] const auto put = ::send(socket, &kGranted, sizeof kGranted, MSG_NOSIGNAL);
}

void DirectConnection::send(std::string_view head, std::string_view tail) {
  char lengths[kLengthBytes];
  char* at = lengths;
  put_little(at, static_cast<std::uint32_t>(head.size()));
  put_little(at, static_cast<std::uint32_t>(tail.size()));
  if (tls_) {
    start_.assign(lengths, kLengthBytes).append(head);
    if (!tls_->write(start_) || !tls_->write(tail)) ended_ = true;
    if (left() >= kFragmentBytes) flush();
    return;
  }
  out_.append(lengths, kLengthBytes).append(head);
  if (!tail.empty()) return finish(write_left(tail));
  if (left() >= kFragmentBytes) flush();
}

void DirectConnection::flush() {
  if (state_ != State::kOpen || ended_) return;
  finish(tls_ ? tls_->flush() : write_left({}));
}

void DirectConnection::finish(Moved moved) {
  stuck_ = moved == Moved::kTryLater;
  ended_ |= moved == Moved::kClosed;
}

/// What has gathered, and then `tail`, of which only what the socket does not take is copied.
Moved DirectConnection::write_left(std::string_view tail) {
  while (out_begin_ < out_.size() || !tail.empty()) {
    iovec parts[] = {{out_.data() + out_begin_, out_.size() - out_begin_},
                     {const_cast<char*>(tail.data()), tail.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const auto put = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno != EAGAIN) return Moved::kClosed;
    if (put < 0) break;
    const auto count = static_cast<std::size_t>(put);
    const auto gathered = std::min(count, out_.size() - out_begin_);
    out_begin_ += gathered;
    tail.remove_prefix(count - gathered);
  }
  if (out_begin_ == out_.size()) {
    out_.clear();
    out_begin_ = 0;
  }
  out_.append(tail);
  return out_.empty() ? Moved::kSome : Moved::kTryLater;
}

/// Fills the buffer, as far as there is something.
void DirectConnection::read_some() {
  if (in_begin_ > 0) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
    in_end_ -= std::exchange(in_begin_, 0);
  }
  while (in_end_ < in_.size()) {
    std::size_t count = 0;
    const auto moved = read(count);
    if (moved == Moved::kClosed) ended_ = true;
    if (moved != Moved::kSome) return;
    in_end_ += count;
  }
}

std::optional<DirectConnection::Parcel> DirectConnection::next() {
  if (state_ != State::kOpen) return {};
  const auto incomplete = [this]() -> std::optional<Parcel> {
    if (ended_) state_ = State::kClosed;  // all that came before the end has been read
    return {};
  };
  if (in_end_ - in_begin_ < kLengthBytes) return incomplete();
  const char* at = in_.data() + in_begin_;
  const std::size_t head = get_little<std::uint32_t>(at);
  const std::size_t tail = get_little<std::uint32_t>(at);
  if (head < kParcelHeadBytes || head > kLargestParcelHead || tail > kLargestParcelTail) {
    state_ = State::kRefused;
    return {};
  }
  if (in_end_ - in_begin_ < kLengthBytes + head + tail) return incomplete();
  in_begin_ += kLengthBytes + head + tail;
  return Parcel{{at, head}, {at + head, tail}};
}

Moved DirectConnection::read(std::size_t& count) {
  const std::span<char> room(in_.data() + in_end_, in_.size() - in_end_);
  if (tls_) return tls_->read(room, count);
  const auto got = ::recv(socket_.get(), room.data(), room.size(), 0);
  if (got > 0) count = static_cast<std::size_t>(got);
  if (got > 0) return Moved::kSome;
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Moved::kTryLater : Moved::kClosed;
}

}  // namespace mvm::queue
