// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/waiter.hpp>

#include <gtest/gtest.h>
#include <time.h>

#include <thread>

#include <mvm/base/clock.hpp>

#include "queue_ends.hpp"
#include "test_seed.hpp"

namespace mvm::queue {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

std::int64_t patience() {
  return monotonic_ns() + 30'000 * kMillisecond;
}

std::int64_t own_cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

void linger(std::uint64_t rounds) {
  std::atomic<std::uint64_t> count = 0;
  while (count.fetch_add(1, std::memory_order_relaxed) < rounds) {
  }
}

class WaiterOn : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override {
    left.shares_core = GetParam();
    right.shares_core = GetParam();
  }
  EndpointRecord left{};
  EndpointRecord right{};
  GroupClock clock{};
};
INSTANTIATE_TEST_SUITE_P(Cores, WaiterOn, testing::Values(0u, 1u), [](const auto& chosen) {
  return chosen.param == 0 ? std::string("OwnCore") : std::string("SharedCore");
});

/// Two threads pass a ball; each wake-up that got lost would be the last.
TEST_P(WaiterOn, LosesNoWakeUp) {
  const auto seed = test_seed();
  constexpr std::uint64_t kRounds = 5'000;
  std::atomic<std::uint64_t> ball = 0;  // even: with left
  const auto play = [&](EndpointRecord& self, EndpointRecord& other, std::uint64_t side) {
    std::mt19937 random(seed + static_cast<std::uint32_t>(side));
    Waiter waiter(self, clock);
    for (std::uint64_t turn = side; turn < kRounds; turn += 2) {
      const auto mine = [&] { return ball.load(std::memory_order_acquire) == turn; };
      ASSERT_TRUE(waiter.wait(mine, patience())) << "turn " << turn;
      // From no time to longer than the waiting side's patience: the ring meets it everywhere.
      linger(random_below(random, std::uint64_t{1} << random_below(random, 14)));
      ball.store(turn + 1, std::memory_order_release);
      ring(other);
    }
  };
  std::thread thread([&] { play(right, left, 1); });
  play(left, right, 0);
  thread.join();
  EXPECT_EQ(ball, kRounds);
  EXPECT_EQ(left.sleepers, 0u);
  EXPECT_EQ(right.sleepers, 0u);
}

TEST_P(WaiterOn, WakesAllThreadsOfATask) {
  std::atomic<bool> ready = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&] { EXPECT_TRUE(Waiter(left, clock).wait([&] { return ready.load(); }, patience())); });
  }
  while (left.sleepers != 4) std::this_thread::yield();
  ready = true;
  ring(left);
  for (auto& thread : threads) thread.join();
}

TEST_P(WaiterOn, GivesUpAtTheDeadlineOfTheGroupsClock) {
  clock.offset_ns = monotonic_ns() - 5'000 * kMillisecond;  // the group is five seconds old
  const auto before = monotonic_ns();
  const auto deadline = group_now_ns(clock) + 20 * kMillisecond;
  EXPECT_FALSE(Waiter(left, clock).wait([] { return false; }, deadline));
  EXPECT_GE(monotonic_ns() - before, 20 * kMillisecond);
  EXPECT_GE(group_now_ns(clock), deadline);
}

TEST_P(WaiterOn, DoesNotWaitForWhatIsThereOrOver) {
  EXPECT_TRUE(Waiter(left, clock).wait([] { return true; }, 0));
  int looks = 0;
  EXPECT_FALSE(Waiter(left, clock).wait([&] { return ++looks, false; }, 0));
  EXPECT_EQ(looks, 1);
  EXPECT_FALSE(Waiter(left, clock).wait([] { return false; }, group_now_ns(clock) - 1));
}

/// While the clock stands no time limit fires, and nobody burns a core for it.
TEST_P(WaiterOn, OutlivesItsDeadlineWhileTheClockStands) {
  stop(clock);
  std::atomic<bool> ready = false;
  std::thread waiting([&] {
    const auto cpu = own_cpu_ns();
    const auto deadline = group_now_ns(clock) + kMillisecond;
    EXPECT_TRUE(Waiter(left, clock).wait([&] { return ready.load(); }, deadline));
    EXPECT_LT(own_cpu_ns() - cpu, 5 * kMillisecond);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  ready = true;
  ring(left);
  waiting.join();
}

/// The clock goes on where it stood: what was left of a time limit is still left.
TEST_P(WaiterOn, ResumesItsTimeLimitWithTheClock) {
  const auto deadline = group_now_ns(clock) + 50 * kMillisecond;
  const auto stopped_at = monotonic_ns();
  stop(clock);
  std::thread waiting([&] {
    EXPECT_FALSE(Waiter(left, clock).wait([] { return false; }, deadline));
    EXPECT_GE(group_now_ns(clock), deadline);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  start(clock);
  ring(left);
  waiting.join();
  EXPECT_GE(monotonic_ns() - stopped_at, 150 * kMillisecond);
}

TEST_P(WaiterOn, SleepsWithoutUsingTheCore) {
  std::atomic<bool> ready = false;
  std::thread waiting([&] {
    const auto cpu = own_cpu_ns();
    EXPECT_TRUE(Waiter(left, clock).wait([&] { return ready.load(); }, kNoDeadline));
    EXPECT_LT(own_cpu_ns() - cpu, 5 * kMillisecond);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ready = true;
  ring(left);
  waiting.join();
}

TEST(GroupTime, StandsStillAndGoesOnWhereItStood) {
  GroupClock clock{};
  const auto before = group_now_ns(clock);
  stop(clock);
  const auto stood = group_now_ns(clock);
  EXPECT_GE(stood, before);
  linger(10'000);
  stop(clock);  // again
  EXPECT_EQ(group_now_ns(clock), stood);
  const auto begun = monotonic_ns();
  start(clock);
  start(clock);
  const auto now = group_now_ns(clock);
  EXPECT_GE(now, stood);
  EXPECT_LE(now - stood, monotonic_ns() - begun);
}

TEST(Gate, HoldsUntilItOpensOrNeverDoes) {
  for (const bool opens : {true, false}) {
    ArenaHeader header{};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] { EXPECT_EQ(wait_for_gate(header), opens); });
    }
    set_gate(header, opens ? Gate::kOpen : Gate::kBarred);
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wait_for_gate(header), opens);
  }
}

}  // namespace
}  // namespace mvm::queue
