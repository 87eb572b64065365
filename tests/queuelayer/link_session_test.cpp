// SPDX-License-Identifier: Apache-2.0
// Sessions over a network made by hand, in a time made by hand: whatever is lost, what was sent
// arrives once and in order.
#include "link_session.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <mvm/queuelayer/arena_layout.hpp>

#include "test_seed.hpp"

namespace mvm::queue {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::uint64_t kKey = 42;

/// Two sessions and the connection between them. It keeps the order and may break at any time: then
/// everything under way is lost, and nothing is taken until it stands again.
class TwoSessions {
 public:
  struct Network {
    std::int64_t delay_ns = 1 * kMs;
    std::uint64_t bytes_per_second = 0;  ///< 0: without limit
  };

  explicit TwoSessions(Network network, std::int64_t reconnect_ns = 20'000 * kMs)
      : network_(network) {
    for (std::uint32_t side = 0; side < 2; ++side) {
      sides_[side].session = std::make_unique<LinkSession>(
          LinkSession::Ends{side, 1 - side, kKey}, reconnect_ns,
          [this, side](std::string_view head, std::string_view tail) {
            return send(side, head, tail);
          },
          sides_[side].counters);
    }
  }

  LinkSession& operator[](std::uint32_t side) { return *sides_[side].session; }
  LinkCounters& counters(std::uint32_t side) { return sides_[side].counters; }
  std::int64_t now() const { return now_; }

  /// Everything under way is lost, also what a session believes to have sent.
  void cut() {
    up_ = false;
    for (auto& side : sides_) side.under_way.clear();
  }
  /// Drops the last parcels only, as when a connection dies with some of them read.
  void cut_after(std::uint32_t side, std::size_t kept) {
    up_ = false;
    auto& under_way = sides_[side].under_way;
    if (under_way.size() > kept) under_way.resize(kept);
    sides_[1 - side].under_way.clear();
  }
  void mend(bool tell) {
    up_ = true;
    if (!tell) return;
    for (auto& side : sides_) side.session->on_connected();
  }

  /// Lets time pass, and calls `on_frame(side, frame)` for each that arrives.
  template <typename OnFrame>
  void run(std::int64_t duration_ns, OnFrame&& on_frame) {
    for (const auto end = now_ + duration_ns; now_ < end; now_ += kStepNs) {
      for (std::uint32_t side = 0; side < 2; ++side) {
        auto& arriving = sides_[1 - side].under_way;
        while (!arriving.empty() && arriving.front().arrives_ns <= now_) {
          const auto parcel = std::move(arriving.front());
          arriving.pop_front();
          auto frames = sides_[side].session->receive(now_, parcel.head, parcel.tail);
          LinkFrame frame;
          while (frames && frames->next(frame) == FrameReader::Read::kFrame) on_frame(side, frame);
        }
      }
      for (auto& side : sides_) side.session->flush(now_);
    }
  }
  std::uint64_t bytes_under_way(std::uint32_t side) const {
    std::uint64_t bytes = 0;
    for (const auto& parcel : sides_[side].under_way) bytes += parcel.tail.size();
    return bytes;
  }

 private:
  struct Parcel {
    std::int64_t arrives_ns;
    std::string head;
    std::string_view tail;
  };
  struct Side {
    LinkCounters counters;
    std::unique_ptr<LinkSession> session;
    std::deque<Parcel> under_way;  ///< from it
    std::int64_t line_free_ns = 0;
  };

  bool send(std::uint32_t side, std::string_view head, std::string_view tail) {
    if (!up_) return false;
    Side& from = sides_[side];
    from.line_free_ns = std::max(from.line_free_ns, now_);
    if (network_.bytes_per_second > 0) {
      from.line_free_ns += static_cast<std::int64_t>((head.size() + tail.size()) * 1'000'000'000 /
                                                     network_.bytes_per_second);
    }
    from.under_way.push_back({from.line_free_ns + network_.delay_ns, std::string(head), tail});
    return true;
  }

  static constexpr std::int64_t kStepNs = kMs / 10;
  Network network_;
  std::array<Side, 2> sides_;
  bool up_ = true;
  std::int64_t now_ = 1'000'000 * kMs;
};

LinkFrame note(std::uint64_t number) {
  return {.kind = LinkKind::kReleased, .channel = 1, .number = number};
}

TEST(LinkSession, LosesNothingDoublesNothingKeepsOrderThroughBreaks) {
  const auto seed = test_seed();
  std::uint64_t resent = 0;
  for (std::uint32_t run = 0; run < 60; ++run) {
    std::mt19937 random(seed + run);
    TwoSessions two({.delay_ns = static_cast<std::int64_t>(random_below(random, 5 * kMs))});
    const std::string large(30'000, 'x');
    std::array<std::uint64_t, 2> sent{};
    std::array<std::uint64_t, 2> got{};
    const auto on_frame = [&](std::uint32_t side, const LinkFrame& frame) {
      ASSERT_EQ(frame.number, got[side]) << "seed " << seed + run;
      ++got[side];
    };
    for (int round = 0; round < 100; ++round) {
      for (std::uint32_t side = 0; side < 2; ++side) {
        for (auto n = random_below(random, 8); n > 0 && two[side].has_bulk_room(); --n) {
          if (random_below(random, 3) == 0) {
            two[side].add({.kind = LinkKind::kMore,
                           .channel = 1,
                           .number = sent[side]++,
                           .payload = std::string_view(large).substr(
                               0, 1 + random_below(random, large.size()))});
          } else {
            two[side].add(note(sent[side]++));
          }
        }
      }
      const auto chance = random_below(random, 20);
      if (chance == 0) two.cut();
      if (chance == 1) {
        two.cut_after(static_cast<std::uint32_t>(random_below(random, 2)), random_below(random, 4));
      }
      if (chance > 14) two.mend(random_below(random, 2) == 0);
      two.run(static_cast<std::int64_t>(random_below(random, 20)) * kMs, on_frame);
      if (testing::Test::HasFatalFailure()) return;
    }
    two.mend(false);
    two.run(4'000 * kMs, on_frame);
    for (std::uint32_t side = 0; side < 2; ++side) {
      EXPECT_EQ(got[1 - side], sent[side]) << "seed " << seed + run;
      EXPECT_TRUE(two[side].all_acknowledged());
      EXPECT_EQ(two.counters(side).parcels_refused, 0u);
      resent += two.counters(side).parcels_resent;
    }
  }
  EXPECT_GT(resent, 0u);
}

/// The last parcel before silence is missed by nobody but its sender.
TEST(LinkSession, FindsALostTailByItself) {
  TwoSessions two({});
  std::uint64_t got = 0;
  const auto count = [&](std::uint32_t, const LinkFrame&) { ++got; };
  two.run(50 * kMs, count);
  two[0].add(note(0));
  two[0].flush(two.now());
  two.cut();
  two.mend(false);
  two.run(300 * kMs, count);
  EXPECT_EQ(got, 1u);
  EXPECT_EQ(two.counters(0).parcels_resent, 1u);
}

TEST(LinkSession, SendsNothingTwiceWhenNothingIsLost) {
  TwoSessions two({.delay_ns = 30 * kMs});
  const auto ignore = [](std::uint32_t, const LinkFrame&) {};
  for (std::uint64_t n = 0; n < 500; ++n) {
    two[0].add(note(n));
    two.run(kMs, ignore);
  }
  two.run(1'000 * kMs, ignore);
  EXPECT_TRUE(two[0].all_acknowledged());
  EXPECT_EQ(two.counters(0).parcels_resent, 0u);
}

TEST(LinkSession, GathersSmallFramesInOneParcel) {
  TwoSessions two({});
  two[0].flush(two.now());  // hello
  const auto before = two.counters(0).parcels_sent.load();
  for (std::uint64_t n = 0; n < 100; ++n) two[0].add(note(n));
  two[0].flush(two.now());
  EXPECT_EQ(two.counters(0).parcels_sent - before, 1u);
}

TEST(LinkSession, ExpiresWhenNothingWasHeardForTheReconnectTime) {
  TwoSessions two({}, 2'000 * kMs);
  const auto ignore = [](std::uint32_t, const LinkFrame&) {};
  for (std::uint32_t side = 0; side < 2; ++side) two[side].expect_life(two.now());
  two.run(10'000 * kMs, ignore);  // idle, and kept alive
  EXPECT_FALSE(two[0].expired(two.now()));
  two.cut();
  two.run(1'700 * kMs, ignore);
  EXPECT_FALSE(two[0].expired(two.now()));
  EXPECT_TRUE(two[0].suspects(two.now()));
  EXPECT_FALSE(two[0].suspects(two.now()));  // once in a while
  two.run(350 * kMs, ignore);
  EXPECT_TRUE(two[0].expired(two.now()));
}

TEST(LinkSession, RefusesAndCountsWhatIsNoParcelOfThePeer) {
  LinkCounters counters;
  std::string sent;
  LinkSession session(
      {0, 1, kKey}, 20'000 * kMs,
      [&](std::string_view head, std::string_view) {
        sent = head;
        return true;
      },
      counters);
  const auto parcel = [](ParcelHead fields, std::uint64_t key = kKey) {
    std::string head(kParcelHeadBytes, '\0');
    append_frame(head, note(7));
    seal_parcel(head, fields, key);
    return head;
  };
  const ParcelHead good{.from = 1, .to = 0};
  std::vector<std::string> bad = {"", "short", std::string(kParcelHeadBytes, '\0')};
  for (std::size_t i = 0; i < parcel(good).size(); ++i) {
    bad.push_back(parcel(good));
    bad.back()[i] = static_cast<char>(bad.back()[i] ^ 0x10);
  }
  bad.push_back(parcel(good, kKey + 1));                           // another group's
  bad.push_back(parcel({.from = 2, .to = 0}));                     // somebody else's
  bad.push_back(parcel({.from = 1, .to = 2}));                     // for somebody else
  bad.push_back(parcel({.from = 1, .to = 0, .received = 1}));      // of what was never sent
  bad.push_back(parcel({.from = 1, .to = 0, .sequence = 5'000}));  // too far ahead
  bad.push_back(parcel({.flags = 128, .from = 1, .to = 0}));
  bad.push_back(parcel({.from = 1, .to = 0, .tail_length = 1}));
  bad.push_back(parcel({.from = 1, .to = 0, .sent_ns = -1}));  // a time that cannot be
  bad.push_back(parcel({.from = 1, .to = 0, .sent_ns = kLatestNs + 1}));
  for (const auto& head : bad) EXPECT_FALSE(session.receive(1, head, {}));
  EXPECT_EQ(counters.parcels_refused, bad.size());
  EXPECT_FALSE(session.heard());
  EXPECT_TRUE(session.receive(1, parcel(good), {}));
  EXPECT_FALSE(session.receive(1, parcel(good), {}));  // the same again
  EXPECT_EQ(counters.parcels_refused, bad.size());
}

/// A small message goes at once however much is under way, and what is under way before it is the
/// network's own content and at most a fragment more.
TEST(LinkSession, LetsASmallMessagePassAGibibyte) {
  for (const std::uint64_t megabytes_per_second : {2, 20, 500}) {
    for (const std::int64_t delay_ms : {1, 25}) {
      const std::uint64_t rate = megabytes_per_second * 1'000'000;
      TwoSessions two({.delay_ns = delay_ms * kMs, .bytes_per_second = rate});
      const std::string piece(kPieceBytes, 'x');
      std::uint64_t bytes = 0;
      bool small_came = false;
      const auto count = [&](std::uint32_t, const LinkFrame& frame) {
        bytes += frame.length;
        small_came |= frame.kind == LinkKind::kReleased;
      };
      const auto sends_for = [&](std::int64_t steps) {
        for (; steps > 0; --steps) {
          while (two[0].has_bulk_room()) {
            two[0].add({.kind = LinkKind::kPiece, .channel = 1, .payload = piece});
          }
          two.run(kMs / 10, count);
        }
      };
      sends_for(150'000);  // fifteen seconds
      const auto before_small = bytes;
      two[0].add(note(1));
      while (!small_came) sends_for(1);
      const auto step_ms_10 = 2u;  // time passes in steps of a tenth
      const auto network = rate * (20 * static_cast<std::uint64_t>(delay_ms) + step_ms_10) / 10'000;
      EXPECT_LE(bytes - before_small, std::max(network, LinkWindow::kSmallest) + kFragmentBytes)
          << megabytes_per_second << " MB/s, " << delay_ms << " ms";
      // And the network is used: as much as passes it, or as the largest window gives.
      const auto before = bytes;
      sends_for(5'000);
      const auto reachable =
          std::min(rate, LinkWindow::kLargest * 1000 / static_cast<std::uint64_t>(2 * delay_ms)) /
          2;
      EXPECT_GT(bytes - before, reachable * 8 / 10)
          << megabytes_per_second << " MB/s, " << delay_ms << " ms";
    }
  }
}

TEST(LinkSession, KeepsABoundOnWhatANetworkThatTakesNothingCosts) {
  TwoSessions two({});
  two[0].expect_life(two.now());
  two.cut();
  std::uint64_t frames = 0;
  while (two[0].has_room()) two[0].add(note(frames++));
  EXPECT_LT(frames * 17, 1u << 20);
  EXPECT_FALSE(two[0].flush(two.now()));
  EXPECT_GT(two[0].due_ns(), two.now());  // no busy waiting
  EXPECT_FALSE(two[0].has_room());
}

/// Hosts' clocks differ; times are told by what passes.
TEST(LinkSession, TurnsTimesOfTheOtherMachineIntoItsOwn) {
  LinkCounters counters;
  LinkSession session(
      {0, 1, kKey}, 20'000 * kMs, [](std::string_view, std::string_view) { return true; },
      counters);
  const auto hear = [&](std::int64_t sent_ns, std::int64_t now_ns) {
    std::string head(kParcelHeadBytes, '\0');
    seal_parcel(head, {.from = 1, .to = 0, .sent_ns = sent_ns}, kKey);
    EXPECT_FALSE(session.receive(now_ns, head, {}));
  };
  hear(1'000, 500'400);
  hear(2'000, 501'100);  // the quickest: 499,100
  hear(3'000, 502'900);
  EXPECT_EQ(session.to_local_ns(10'000), 509'100);
  EXPECT_EQ(session.to_local_ns(kNever), kNever);
}

/// The window after 100 full rounds over a network of this speed, whose other end takes
/// `answers_ns` to answer, but was quick once.
std::uint64_t window_after(double bytes_per_ns, std::int64_t answers_ns) {
  LinkWindow window;
  std::int64_t now_ns = 1;
  window.on_round_trip(now_ns, {.ns = 10'000, .bytes = 100}, 0);
  for (int round = 0; round < 100; ++round) {
    const auto bytes = window.bytes();
    const auto trip_ns =
        answers_ns + static_cast<std::int64_t>(static_cast<double>(bytes) / bytes_per_ns);
    now_ns += trip_ns;
    window.was_full();
    window.on_round_trip(now_ns, {.ns = trip_ns, .bytes = 16 << 10}, bytes);
  }
  return window.bytes();
}

TEST(LinkWindow, IsWideWhereAFastNetworkHasSlowEnds) {
  EXPECT_GE(window_after(3.0, 100'000), 4 * kFragmentBytes);
}

TEST(LinkWindow, IsAFragmentOrTwoInASlowNetwork) {
  EXPECT_LE(window_after(0.0125, 100'000), 2 * kFragmentBytes);
}

TEST(LinkFrames, AreReadAsTheyWereWritten) {
  const std::string tail(5'000, 't');
  const std::vector<LinkFrame> frames = {{.kind = LinkKind::kPiece,
                                          .channel = 1,
                                          .message_length = 3,
                                          .slot_kind = 9,
                                          .length = 3,
                                          .payload = "abc"},
                                         {.kind = LinkKind::kMessage,
                                          .channel = ~0ull,
                                          .number = 5,
                                          .message_length = 1 << 30,
                                          .slot_kind = 1,
                                          .length = 0,
                                          .rank = -7,
                                          .due_ns = 1,
                                          .expires_ns = kNever,
                                          .deadline_ns = -1,
                                          .priority = 3},
                                         {.kind = LinkKind::kReleased, .channel = 2, .number = 77},
                                         {.kind = LinkKind::kDrop, .channel = 2, .number = 78},
                                         {.kind = LinkKind::kEnd, .channel = 3},
                                         {.kind = LinkKind::kGone, .channel = 4},
                                         {.kind = LinkKind::kBye},
                                         {.kind = LinkKind::kMore,
                                          .channel = 1,
                                          .number = 4,
                                          .offset = 65536,
                                          .length = 5'000,
                                          .in_tail = true,
                                          .payload = tail}};
  std::string bytes;
  for (const auto& frame : frames) append_frame(bytes, frame);
  FrameReader reader(bytes, tail);
  LinkFrame got;
  for (const auto& frame : frames) {
    ASSERT_EQ(reader.next(got), FrameReader::Read::kFrame);
    EXPECT_EQ(got, frame);
  }
  EXPECT_EQ(reader.next(got), FrameReader::Read::kEnd);
  for (std::size_t cut = 1; cut < 20; ++cut) {
    FrameReader short_reader(std::string_view(bytes).substr(0, bytes.size() - cut), tail);
    auto read = FrameReader::Read::kFrame;
    while (read == FrameReader::Read::kFrame) read = short_reader.next(got);
    EXPECT_EQ(read, FrameReader::Read::kBroken) << cut;
  }
}

TEST(LinkFrames, AreBrokenWhenTheTailIsNobodys) {
  std::string bytes;
  append_frame(bytes, note(1));
  LinkFrame got;
  FrameReader reader(bytes, "tail");
  ASSERT_EQ(reader.next(got), FrameReader::Read::kFrame);
  EXPECT_EQ(reader.next(got), FrameReader::Read::kBroken);
}

}  // namespace
}  // namespace mvm::queue
