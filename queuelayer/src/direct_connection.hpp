// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mvm/base/clock.hpp>
#include <mvm/base/unique_fd.hpp>

#include "link_parcel.hpp"
#include "tls_stream.hpp"

namespace mvm::queue {

/// One connection of the direct carrier: a socket that does not block, from the first packet to the
/// last. It shakes hands where there is a key, the end that connects says which machine it is, and
/// then parcels follow, each after the lengths of its parts. Or it becomes the direct line of a
/// channel: then the end that connects names the channel too, and the other end answers. One
/// thread.
class DirectConnection {
 public:
  enum class Side { kConnects, kAccepts };
  /// `key` is null for unix sockets, whose other end the kernel vouches for. `peer` is what the end
  /// that connects expects; the other end learns it from the greeting.
  /// `line` is the channel for which it connects; nothing for parcels, and where it accepts.
  DirectConnection(UniqueFd socket, Side side, const TlsKey* key, std::uint32_t self,
                   std::optional<std::uint32_t> peer, std::optional<std::uint64_t> line = {});

  enum class State {
    kOpening,  ///< not yet known who is there
    kOpen,
    kClosed,
    kRefused,  ///< closed, because the other end is none of the group or sent what is no parcel
  };
  /// Goes on with opening, reads, and writes what is left, as far as the socket lets it.
  State advance();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] Side side() const { return side_; }
  /// Of an open connection, or of one that connects.
  [[nodiscard]] std::uint32_t peer() const { return *peer_; }
  [[nodiscard]] SteadyTime since() const { return since_; }
  /// The channel whose direct line it is; likewise. Where it accepts, it is open when it was asked
  /// for, and the caller answers, or closes it.
  [[nodiscard]] std::optional<std::uint64_t> line() const { return line_; }
  /// The answer. One that does not get it closes the line.
  static void grant_line(int socket);
  /// Of an open line, which is somebody else's from now on.
  [[nodiscard]] UniqueFd take_socket() { return std::move(socket_); }

  /// True when a parcel can be sent: the socket has not refused anything, and little is gathered.
  [[nodiscard]] bool can_send() const {
    return state_ == State::kOpen && !ended_ && !stuck_ && left() < kFragmentBytes;
  }
  /// Precondition: can_send(). Leaves with the next `flush`, or earlier.
  void send(std::string_view head, std::string_view tail);
  /// Hands what has gathered to the socket, as far as that takes it.
  void flush();

  struct Parcel {
    std::string_view head;
    std::string_view tail;
  };
  /// The next whole parcel among what was read; valid until the next call of anything.
  [[nodiscard]] std::optional<Parcel> next();

 private:
  [[nodiscard]] State open_up();
  [[nodiscard]] bool go_on_plainly();
  [[nodiscard]] State greet();
  [[nodiscard]] State read_greeting();
  [[nodiscard]] State read_answer();
  [[nodiscard]] std::optional<State> read_until(std::size_t end);
  void read_some();
  [[nodiscard]] Moved read(std::size_t& count);
  [[nodiscard]] Moved write_left(std::string_view tail);
  void finish(Moved moved);
  [[nodiscard]] std::size_t left() const { return tls_ ? tls_->left() : out_.size() - out_begin_; }

  UniqueFd socket_;
  Side side_;
  std::unique_ptr<TlsStream> tls_;
  bool has_key_;
  bool encrypts_;
  bool shaken_;
  std::uint32_t self_;
  std::optional<std::uint32_t> peer_;
  std::optional<std::uint64_t> line_;
  bool greeted_ = false;
  State state_ = State::kOpening;
  SteadyTime since_ = now();
  bool ended_ = false;  ///< the socket is gone; what was read before may not be used up

  bool stuck_ = false;  ///< the socket took less than it was given
  std::string out_;     ///< without TLS
  std::string start_;   ///< of a parcel, with TLS: its lengths and head
  std::size_t out_begin_ = 0;
  std::vector<char> in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
};

}  // namespace mvm::queue
