// SPDX-License-Identifier: Apache-2.0
// What comes over a direct line: put together from any pieces, and believed only within the rules.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <random>
#include <string>

#include <mvm/queuelayer/line_intake.hpp>

#include "line_frame.hpp"
#include "queue_ends.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

std::string frame(std::uint32_t length, std::uint32_t type, const std::string& payload) {
  std::string bytes(line::frame_bytes(payload.size()), '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  std::memcpy(bytes.data() + sizeof length, &type, sizeof type);
  std::memcpy(bytes.data() + line::payload_at(payload.size()), payload.data(), payload.size());
  return bytes;
}
std::string message(const std::string& payload) {
  return frame(static_cast<std::uint32_t>(payload.size()), 7, payload);
}
std::string count(std::uint32_t type, std::uint64_t number) {
  std::string payload(sizeof number, '\0');
  std::memcpy(payload.data(), &number, sizeof number);
  return frame(line::kCountBytes, type, payload);
}

/// Gives it at most `most` bytes. True unless they are refused.
bool feed(LineIntake& intake, std::string& bytes, std::size_t most) {
  const auto room = intake.room();
  const auto length = std::min({most, room.size(), bytes.size()});
  std::memcpy(room.data(), bytes.data(), length);
  bytes.erase(0, length);
  return intake.came(length);
}
bool feed_all(LineIntake& intake, std::string bytes) {
  while (!bytes.empty()) {
    if (!feed(intake, bytes, bytes.size())) return false;
  }
  return true;
}

TEST(LineIntake, PutsMessagesTogetherFromAnyPieces) {
  std::mt19937 random(test_seed());
  LineIntake intake(64, 4 << 20);
  std::deque<std::uint64_t> held;  // cookies
  std::string bytes;
  std::uint64_t sent = 0;
  std::uint64_t got = 0;
  std::string large;
  while (got < 3000) {
    if (bytes.size() < 100'000 && sent - intake.released() < 40) {
      const auto length = random_below(random, random_below(random, 20) == 0 ? 100'000 : 300);
      bytes += message(pattern(sent++, length));
      if (random_below(random, 3) == 0) bytes += count(line::kNews, sent);
    }
    ASSERT_TRUE(feed(intake, bytes, 1 + random_below(random, 5000)));
    for (Piece piece; intake.take(piece) == Taken::kPiece;) {
      large.append(reinterpret_cast<const char*>(piece.data), piece.length);
      if (piece.more) {
        intake.give_back(piece.cookie, true);
        continue;
      }
      ASSERT_EQ(large, pattern(got, piece.message_length)) << got;
      large.clear();
      ++got;
      held.push_back(piece.cookie);
      const bool all_came = sent == got || bytes.empty();
      if (!all_came && random_below(random, 4) == 0) continue;
      std::shuffle(held.begin(), held.end(), random);
      for (const auto cookie : held) intake.give_back(cookie, false);
      held.clear();
    }
  }
  EXPECT_EQ(intake.taken(), got);
}

TEST(LineIntake, CutsAMessageThatDoesNotEnd) {
  LineIntake intake(4, 1 << 20);
  ASSERT_TRUE(feed_all(intake, message("whole")));
  auto bytes = message(pattern(1, 100'000));
  ASSERT_TRUE(feed(intake, bytes, 50'000));
  Piece piece;
  ASSERT_EQ(intake.take(piece), Taken::kPiece);
  intake.give_back(piece.cookie, false);
  ASSERT_EQ(intake.take(piece), Taken::kPiece);
  EXPECT_TRUE(piece.more);
  intake.end();
  intake.give_back(piece.cookie, true);
  EXPECT_EQ(intake.take(piece), Taken::kCut);
  EXPECT_EQ(intake.take(piece), Taken::kNothing);
  EXPECT_EQ(intake.received(), 1u);
}

TEST(LineIntake, RefusesWhatNoHonestSenderSays) {
  const auto refused = [](const std::string& bytes) {
    LineIntake intake(2, 100);
    return !feed_all(intake, bytes);
  };
  EXPECT_TRUE(refused(message("a") + message("b") + message("c")));       // over the messages
  EXPECT_TRUE(refused(message("a") + message(std::string(200, 'x'))));    // over the bytes
  EXPECT_FALSE(refused(message(std::string(200, 'x'))));                  // alone it may be
  EXPECT_TRUE(refused(frame(8, kMoreFollows | kOutOfLine, "12345678")));  // no type
  EXPECT_TRUE(refused(frame(0x7fffffff, 1, std::string(40'000, 'x'))));   // over the limit
  EXPECT_TRUE(refused(frame(4, line::kNews, "1234")));                    // no count
  EXPECT_TRUE(refused(count(line::kNews, 2) + count(line::kNews, 1)));    // released less
  EXPECT_TRUE(refused(count(line::kEnd, 1)));                             // not so many
  EXPECT_TRUE(refused(count(line::kEnd, 0) + message("a")));              // behind the end
  LineIntake only_news(0, 0);
  EXPECT_FALSE(feed_all(only_news, message("a")));
}

}  // namespace
}  // namespace mvm::queue
