// SPDX-License-Identifier: Apache-2.0
// A ring in memory that another task of the group wrote over.
#include <mvm/queuelayer/ring_reader.hpp>

#include <gtest/gtest.h>

#include "ring_lab.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

enum class Damage {
  kInlineTooLong,
  kInlineWithMore,
  kOutside,
  kTooLong,
  kLongerThanItsMessage,
  kOverLimit
};

class Corruption : public testing::TestWithParam<Damage> {};
INSTANTIATE_TEST_SUITE_P(Slots, Corruption,
                         testing::Values(Damage::kInlineTooLong, Damage::kInlineWithMore,
                                         Damage::kOutside, Damage::kTooLong,
                                         Damage::kLongerThanItsMessage, Damage::kOverLimit));

TEST_P(Corruption, OfASlotIsNoticed) {
  const auto damage = GetParam();
  Lab lab(1, room_for(4));
  const bool in_line = damage == Damage::kInlineTooLong || damage == Damage::kInlineWithMore;
  lab.write(pattern(0, in_line ? 20 : 200));
  Slot& slot = lab.slot(0);
  switch (damage) {
    case Damage::kInlineTooLong:
      slot.length = 49;
      break;
    case Damage::kInlineWithMore:
      slot.kind |= kMoreFollows;
      break;
    case Damage::kOutside:
      slot.out_of_line.at = lab.arena().size().count - 199;
      break;
    case Damage::kTooLong:
      slot.length = ~0u;
      break;
    case Damage::kLongerThanItsMessage:
      slot.out_of_line.message_length = 199;
      break;
    case Damage::kOverLimit:
      slot.out_of_line.message_length = kMaxMessage.count + 1;
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
      auto* bytes = reinterpret_cast<unsigned char*>(&lab.slot(random_below(random, 16)));
      bytes[random_below(random, sizeof(Slot))] = static_cast<unsigned char>(random());
    }
    for (int i = 0; i < 20; ++i) {
      Piece piece;
      const auto taken = lab.reader().take(piece);
      if (taken != Taken::kPiece) break;
      const auto at = static_cast<Offset>(piece.data - lab.arena().base());
      ASSERT_NE(lab.arena().find(at, piece.length), nullptr) << "seed " << seed + run;
      lab.reader().give_back(lab.reader().cookie_of(piece), piece.more);
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
