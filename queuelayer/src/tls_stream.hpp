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
  /// `secret`: any words that only the group knows.
  [[nodiscard]] static Result<std::unique_ptr<TlsKey>> make(std::string_view secret);
  ~TlsKey();

 private:
  friend class TlsStream;
  struct State;
  explicit TlsKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// One connection. The descriptor does not block, and stays the caller's. One thread.
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
  [[nodiscard]] Moved write(std::string_view bytes, std::size_t& count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mvm::queue
