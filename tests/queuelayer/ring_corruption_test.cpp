// SPDX-License-Identifier: Apache-2.0
// A ring in memory that another task of the group wrote over.
#include <mvm/queuelayer/ring_reader.hpp>

#include <gtest/gtest.h>

#include "ring_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

/// Sends a message that lies in the heap.
void lend(Lab& lab, std::uint64_t length) {
  auto* memory = lab.writer().reserve(length);
  ASSERT_NE(memory, nullptr);
  ASSERT_EQ(lab.writer().send_reserved(memory, length, 0, {}), Sent::kDone);
}

enum class Damage {
  kShortTooLong,
  kShortWithMore,
  kNearTooLong,
  kNoRecord,
  kOutside,
  kTooLong,
  kLongerThanItsMessage,
  kOverLimit
};

class Corruption : public testing::TestWithParam<Damage> {};
INSTANTIATE_TEST_SUITE_P(Records, Corruption,
                         testing::Values(Damage::kShortTooLong, Damage::kShortWithMore,
                                         Damage::kNearTooLong, Damage::kNoRecord, Damage::kOutside,
                                         Damage::kTooLong, Damage::kLongerThanItsMessage,
                                         Damage::kOverLimit));

TEST_P(Corruption, OfARecordIsNoticed) {
  using tape::Form;
  Lab lab(1, room_for(4));
  auto* words = reinterpret_cast<std::uint64_t*>(lab.tape());
  switch (GetParam()) {
    case Damage::kShortTooLong:
      lab.write(pattern(0, 8));
      words[0] = tape::published(Form::kShort, 0, 9);
      break;
    case Damage::kShortWithMore:
      lab.write(pattern(0, 8));
      words[0] |= kMoreFollows;
      break;
    case Damage::kNearTooLong:
      lab.write(pattern(0, 100));
      words[0] = tape::published(Form::kNear, 0, tape::kLongestFragment + 1);
      break;
    case Damage::kNoRecord:
      lab.write(pattern(0, 100));
      words[0] = tape::given_back(words[0]);
      break;
    case Damage::kOutside:
      lend(lab, 200);
      words[2] = lab.arena().size().count - 199;
      break;
    case Damage::kTooLong:
      lend(lab, 200);
      words[3] = ~0u;
      break;
    case Damage::kLongerThanItsMessage:
      lend(lab, 200);
      words[1] = 199;
      break;
    case Damage::kOverLimit:
      lend(lab, 200);
      words[1] = kMaxMessage.count + 1;
      break;
  }
  Piece piece;
  EXPECT_EQ(lab.reader().take(piece), Taken::kCorrupt);
}

TEST(Scribbled, NeverLeavesTheArena) {
  const auto seed = test_seed();
  for (std::uint32_t run = 0; run < 300 / kScale; ++run) {
    std::mt19937 random(seed + run);
    Lab lab(1, room_for(8, 4_KiB));
    for (std::uint64_t i = 0; i < 6; ++i) lab.write(pattern(i, random_below(random, 600)));
    for (int wound = 0; wound < 20; ++wound) {
      lab.tape()[random_below(random, 1024)] = static_cast<std::byte>(random());
    }
    for (int i = 0; i < 20; ++i) {
      Piece piece;
      const auto taken = lab.reader().take(piece);
      if (taken != Taken::kPiece) break;
      const auto at = static_cast<Offset>(piece.data - lab.arena().base());
      ASSERT_NE(lab.arena().find(at, piece.length), nullptr) << "seed " << seed + run;
      lab.reader().give_back(piece.cookie, piece.more);
    }
    (void)lab.writer().ready(1);
  }
}

TEST(ReleasedCount, OfAReceiverThatLiesIsNotActedUpon) {
  Lab lab(1, room_for(2));
  lab.write("a");
  lab.write("b");
  lab.arena().channel(0).released = 1'000'000;
  EXPECT_FALSE(lab.writer().ready(1));
  EXPECT_EQ(lab.received(), 0u);
}

}  // namespace
}  // namespace mvm::queue
