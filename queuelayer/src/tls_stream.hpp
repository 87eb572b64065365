// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <mvm/base/result.hpp>

namespace mvm::queue {

/// What came of an attempt to move bytes without blocking.
enum class Moved { kSome, kTryLater, kClosed };

/// TLS 1.3 whose both ends prove that they know one secret, without certificates (RFC 8446, 4.2.11:
/// an external pre-shared key, with a fresh Diffie-Hellman exchange).
class TlsKey {
 public:
  /// What it is for once both ends have proved themselves.
  enum class Use { kEncrypts, kOnlyProves };
  /// `secret`: any words that only the group knows.
  [[nodiscard]] static Result<std::unique_ptr<TlsKey>> make(std::string_view secret, Use use);
  ~TlsKey();
  [[nodiscard]] Use use() const { return use_; }

 private:
  friend class TlsStream;
  struct State;
  TlsKey(std::unique_ptr<State> state, Use use);
  std::unique_ptr<State> state_;
  Use use_;
};

/// One connection. The descriptor does not block, and stays the caller's. One thread. What is
/// written gathers here, encrypted, until `flush`; many records come in by one call of the system.
class TlsStream {
 public:
  enum class Side { kConnects, kAccepts };
  TlsStream(const TlsKey& key, int fd, Side side);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// kSome: the other end has proved itself. kClosed: it has not, and never will.
  [[nodiscard]] Moved shake_hands();
  /// `count`: how many bytes moved.
  [[nodiscard]] Moved read(std::span<char> into, std::size_t& count);
  /// Takes all of it. False when the connection is of no use any more.
  [[nodiscard]] bool write(std::string_view bytes);
  /// Hands what was written to the socket. kTryLater: some is left.
  [[nodiscard]] Moved flush();
  /// Bytes that `flush` has to hand over.
  [[nodiscard]] std::size_t left() const;
  /// What was taken from the socket and not read: what came behind the handshake as it is.
  [[nodiscard]] std::string_view unread() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
