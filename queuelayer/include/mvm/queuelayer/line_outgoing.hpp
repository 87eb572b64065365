// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/ring_reader.hpp>

namespace mvm::queue {

/// What leaves over a direct line: messages of a ring, which stay there until they are given back,
/// and news of the other direction. Knows no socket. One thread.
class LineOutgoing {
 public:
  LineOutgoing();
  /// From now on the messages of this channel leave, too. `arena` must outlive it.
  void add_channel(const Arena& arena, std::uint32_t channel);

  /// The ring is somebody else's from now on.
  void end_channel() { reader_.reset(); }

  /// All that was gathered has left.
  [[nodiscard]] bool is_empty() const { return next_part_ == parts_.size(); }
  enum class Gathered { kSome, kNothing, kBroken };
  /// Precondition: is_empty(). Takes what is on the ring, as much as one call of the system may
  /// carry, and adds `news`, between two messages: so many were released. With `ends`, the end
  /// follows when nothing is left on the ring. kBroken: the ring was overwritten.
  [[nodiscard]] Gathered gather(std::optional<std::uint64_t> news, bool ends);
  [[nodiscard]] std::span<iovec> parts() { return std::span(parts_).subspan(next_part_); }
  /// So many bytes of them have left.
  void advance(std::size_t count);
  /// The end was gathered.
  [[nodiscard]] bool has_ended() const { return ended_; }

  /// Gives back the first `total` messages. True when there were some. Nothing: they were never
  /// sent.
  [[nodiscard]] std::optional<bool> release_until(std::uint64_t total);

 private:
  struct Kept {
    std::uint64_t cookie;
    bool last;  ///< fragment of its message
  };
  [[nodiscard]] bool add(const Piece& piece);
  void add_count(std::uint32_t type, std::uint64_t count);
  void add_part(const std::byte* data, std::size_t length);
  std::byte* add_small(std::size_t length);
  [[nodiscard]] bool is_full(std::size_t bytes) const;

  std::optional<RingReader> reader_;
  std::deque<Kept> kept_;         ///< fragments that were taken from the ring and not given back
  std::uint64_t whole_ = 0;       ///< messages that were taken
  std::uint64_t released_ = 0;    ///< messages that were given back
  std::uint64_t in_message_ = 0;  ///< bytes to come of the message that has begun
  std::uint64_t message_length_ = 0;
  std::optional<std::uint64_t> news_;
  bool ended_ = false;
  std::vector<iovec> parts_;  ///< to be written
  std::size_t next_part_ = 0;
  std::unique_ptr<std::byte[]> small_;  ///< what is copied of them
  std::size_t small_used_ = 0;
};

}  // namespace mvm::queue
