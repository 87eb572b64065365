// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <mvm/queuelayer/ring_reader.hpp>

namespace mvm::queue {

/// What comes over a direct line: memory for it, the messages in it, and news of the other
/// direction. What comes is believed only within the capacity of the queue, which bounds the
/// memory as well. Knows no socket. One thread.
///
/// Small messages are there as a whole and stay until they are given back, in any order. A large
/// one is handed out in pieces, each of which must be given back before the next one is taken; or
/// what is left of it goes straight to where its receiver wants it.
class LineIntake {
 public:
  /// A capacity of no messages: only news may come.
  LineIntake(std::uint64_t capacity, std::uint64_t byte_capacity);
  ~LineIntake();

  /// Where what comes next goes.
  [[nodiscard]] std::span<std::byte> room();
  /// So much came there. False when it is against the rules: then nothing more must come.
  [[nodiscard]] bool came(std::size_t count);
  /// Nothing more will come: what is there of a message that is not whole never was. Idempotent.
  void end();

  [[nodiscard]] bool available() const;
  /// kCut: the message of which a piece was taken before will not be whole.
  [[nodiscard]] Taken take(Piece& piece);
  void give_back(std::uint64_t cookie, bool more);

  /// A piece was taken and given back, and the next one of its message has not come.
  [[nodiscard]] bool is_between_pieces() const {
    return is_mid_message() && !large_.front().out && large_.front().parts.empty();
  }
  /// Then: what is left of that message goes to `to`. It need not be taken any more, but given back
  /// when nothing is left.
  void go_straight(std::byte* to) { large_.front().to = to; }
  [[nodiscard]] bool goes_straight() const {
    return is_mid_message() && large_.front().to != nullptr;
  }
  /// What was left of a message went nowhere, because it did not come. Forgets it.
  [[nodiscard]] bool take_cut() { return std::exchange(cut_, false); }

  [[nodiscard]] std::uint64_t received() const { return received_; }  ///< whole messages
  [[nodiscard]] std::uint64_t taken() const { return taken_; }        ///< the same
  /// Given back, and all before them.
  [[nodiscard]] std::uint64_t released() const { return first_; }
  [[nodiscard]] std::uint64_t released_bytes() const { return released_bytes_; }

  /// The newest: so many messages of the other direction were released.
  [[nodiscard]] std::uint64_t news() const { return news_; }
  /// The sender has let go: no message will follow.
  [[nodiscard]] bool end_heard() const { return end_heard_; }

  /// Cookies are multiples of two to the power of this.
  static constexpr std::uint32_t kCookieShift = 24;

 private:
  struct Chunk;
  struct Message {
    const std::byte* data = nullptr;
    std::uint32_t length = 0;
    std::uint32_t type = 0;
    Chunk* chunk = nullptr;  ///< null for a large one
    bool given_back = false;
  };
  struct Part {
    const std::byte* data;
    std::size_t length;
    Chunk* chunk;
  };
  /// A large message, until all of it was taken. Only of the last some may not have come; only of
  /// the first a piece was taken.
  struct Large {
    std::uint64_t number = 0;
    bool taken = false;      ///< a piece of it was
    bool out = false;        ///< the first of `parts` was taken and not given back
    std::uint64_t left = 0;  ///< not come
    std::deque<Part> parts;  ///< not given back
    std::byte* to = nullptr;
  };

  [[nodiscard]] bool is_mid_message() const { return !large_.empty() && large_.front().taken; }
  [[nodiscard]] bool is_mid_large() const { return !large_.empty() && large_.back().left > 0; }
  [[nodiscard]] bool find_frames();
  [[nodiscard]] bool begin_message(std::uint32_t length, std::uint32_t type);
  void begin_large(std::size_t payload, std::uint64_t length);
  [[nodiscard]] bool on_count(std::uint32_t type, std::uint64_t count);
  void add_part(std::size_t begin, std::size_t length);
  void end_large();
  void make_room(std::size_t wanted);
  [[nodiscard]] Chunk* fresh_chunk();
  [[nodiscard]] Taken take_piece(Piece& piece);

  std::uint64_t capacity_;
  std::uint64_t byte_capacity_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  Chunk* chunk_ = nullptr;  ///< where bytes come in
  std::size_t begin_ = 0;   ///< of what is no frame yet; may be behind `end_` by some padding
  std::size_t end_ = 0;

  std::deque<Message> messages_;  ///< not released; the first is number `first_`
  std::size_t handed_ = 0;        ///< of them, those taken; a large one from its first piece on
  std::uint64_t first_ = 0;
  std::uint64_t open_bytes_ = 0;  ///< of them
  std::deque<Large> large_;
  bool cut_ = false;
  bool ended_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t released_bytes_ = 0;
  std::uint64_t news_ = 0;
  bool end_heard_ = false;
};

}  // namespace mvm::queue
