// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/wait_board.hpp>

#include <gtest/gtest.h>

#include <thread>

#include <mvm/base/clock.hpp>
#include <mvm/queuelayer/waiter.hpp>

namespace mvm::queue {
namespace {

class WaitBoard : public testing::Test {
 protected:
  /// Waits in a thread of its own until `ready`, as a job's thread would.
  std::thread waiting(std::int64_t deadline_ns, WaitSubject subject) {
    return std::thread([this, deadline_ns, subject] {
      Waiter(endpoint, clock)
          .wait([this] { return ready.load(); }, deadline_ns, [&] { return subject; }, blocked_ns);
    });
  }
  std::vector<ReadWait> waits_of(std::size_t count) {
    for (;;) {
      auto waits = read_waits(endpoint);
      if (waits.size() == count) return waits;
      std::this_thread::yield();
    }
  }
  void let_go() {
    ready = true;
    ring(endpoint);
  }

  EndpointRecord endpoint{};
  GroupClock clock{};
  std::atomic<bool> ready = false;
  std::int64_t blocked_ns = 0;
};

TEST_F(WaitBoard, ShowsAWaitWhileItSleepsAndNotAfterwards) {
  const WaitSubject subject{
      .kind = WaitKind::kSend, .subject = 3, .channel = 7, .size = 80, .seen = 5};
  auto thread = waiting(kNoDeadline, subject);
  const auto waits = waits_of(1);
  EXPECT_EQ(waits[0].subject, subject);
  EXPECT_EQ(waits[0].number, 1u);
  EXPECT_NE(waits[0].thread, 0u);
  EXPECT_GT(waits[0].since_ns, 0);
  let_go();
  thread.join();
  EXPECT_TRUE(read_waits(endpoint).empty());
  EXPECT_EQ(endpoint.waits, 1u);
  EXPECT_GT(blocked_ns, 0);
}

TEST_F(WaitBoard, WritesNothingAndReadsNoClockWhenThereIsNoNeedToSleep) {
  ready = true;
  const auto never = [] {
    ADD_FAILURE() << "described";
    return WaitSubject{};
  };
  EXPECT_TRUE(
      Waiter(endpoint, clock).wait([&] { return ready.load(); }, kNoDeadline, never, blocked_ns));
  EXPECT_EQ(endpoint.waits, 0u);
  EXPECT_EQ(blocked_ns, 0);
}

TEST_F(WaitBoard, CallsAWaitWithADeadlineLimited) {
  auto thread = waiting(group_now_ns(clock) + 60'000'000'000, {});
  EXPECT_TRUE(waits_of(1)[0].subject.limited);
  let_go();
  thread.join();
}

/// A bell that rings for something else neither ends a wait nor makes it a new one; but what the
/// thread saw when it looked is brought up to date.
TEST_F(WaitBoard, KeepsTheNumberOfAWaitThatLookedInVain) {
  std::atomic<std::uint64_t> seen = 1;
  std::thread thread([&] {
    Waiter(endpoint, clock)
        .wait([this] { return ready.load(); }, kNoDeadline,
              [&] { return WaitSubject{.seen = seen.load()}; }, blocked_ns);
  });
  const auto before = waits_of(1)[0];
  seen = 2;
  ring(endpoint);
  ReadWait after;
  do {
    after = waits_of(1)[0];
  } while (after.subject.seen != 2);
  EXPECT_EQ(after.number, before.number);
  EXPECT_EQ(after.since_ns, before.since_ns);
  let_go();
  thread.join();
}

TEST_F(WaitBoard, NotesNoMoreThreadsThanThereAreRecords) {
  std::vector<std::thread> threads;
  std::int64_t blocked[kWaitRecords + 3] = {};
  for (auto& total : blocked) {
    threads.emplace_back([&] {
      Waiter(endpoint, clock)
          .wait([this] { return ready.load(); }, kNoDeadline, [] { return WaitSubject{}; }, total);
    });
  }
  while (endpoint.sleepers != std::size(blocked)) std::this_thread::yield();
  EXPECT_EQ(waits_of(kWaitRecords).size(), kWaitRecords);
  let_go();
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(read_waits(endpoint).empty());
}

/// Whoever reads sees a whole note or none: here all fields of a note are the same number.
TEST_F(WaitBoard, IsNeverReadInTheMiddleOfBeingWritten) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (std::uint32_t n = 1; !stop; ++n) {
      WaitNote note(endpoint, clock);
      note.set({.subject = n, .channel = n, .size = n, .seen = n});
      note.set({.subject = n + 1, .channel = n + 1, .size = n + 1, .seen = n + 1});
    }
  });
  std::uint64_t whole = 0;
  while (whole < 20'000) {
    for (const auto& wait : read_waits(endpoint)) {
      ++whole;
      ASSERT_EQ(wait.subject.channel, wait.subject.subject);
      ASSERT_EQ(wait.subject.size, wait.subject.subject);
      ASSERT_EQ(wait.subject.seen, wait.subject.subject);
    }
  }
  stop = true;
  writer.join();
}

class ExchangeNote : public WaitBoard {
 protected:
  std::vector<PortRecord> ports{3};
  WaitNote note{endpoint, clock, ports};
};

TEST_F(ExchangeNote, TellsAllThatIsPending) {
  const WaitSubject subject{
      .kind = WaitKind::kExchange,
      .size = 3,
      .pending = {{.kind = WaitKind::kReceive, .port = 0, .seen = 7},
                  {.kind = WaitKind::kReceive, .port = 2, .seen = 8},
                  {.kind = WaitKind::kSend, .port = 2, .channel = 5, .size = 80, .seen = 9}}};
  note.set(subject);
  const auto waits = read_waits(endpoint, ports);
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(waits[0].subject, subject);
  EXPECT_TRUE(read_waits(endpoint).empty()) << "without ports it cannot be understood";
}

/// What was pending in an earlier exchange is not in this one.
TEST_F(ExchangeNote, ForgetsWhatIsDone) {
  {
    WaitNote earlier(endpoint, clock, ports);
    earlier.set({.kind = WaitKind::kExchange, .pending = {{.port = 0}, {.port = 1}}});
  }
  EXPECT_TRUE(read_waits(endpoint, ports).empty());
  note.set({.kind = WaitKind::kExchange, .pending = {{.port = 1}}});
  const auto waits = read_waits(endpoint, ports);
  ASSERT_EQ(waits.size(), 1u);
  ASSERT_EQ(waits[0].subject.pending.size(), 1u);
  EXPECT_EQ(waits[0].subject.pending[0].port, 1u);
}

TEST_F(ExchangeNote, IsNeverReadInTheMiddleOfBeingWritten) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const auto set = [](WaitNote& to, std::uint32_t n) {
      const PendingOperation receive{.port = n % 3, .channel = n, .size = n, .seen = n};
      auto send = receive;
      send.kind = WaitKind::kSend;
      to.set({.kind = WaitKind::kExchange, .seen = n, .pending = {receive, send}});
    };
    for (std::uint32_t n = 1; !stop; n += 3) {
      WaitNote once(endpoint, clock, ports);
      set(once, n);
      set(once, n + 3);
    }
  });
  for (std::uint64_t whole = 0; whole < 20'000;) {
    for (const auto& wait : read_waits(endpoint, ports)) {
      ++whole;
      ASSERT_EQ(wait.subject.pending.size(), 2u);
      for (const auto& operation : wait.subject.pending) {
        ASSERT_EQ(operation.seen, wait.subject.seen);
        ASSERT_EQ(operation.size, wait.subject.seen);
        ASSERT_EQ(operation.channel, wait.subject.seen);
      }
    }
  }
  stop = true;
  writer.join();
}

/// Two threads must not exchange at the same ports. Then one of the notes is not whole.
TEST_F(ExchangeNote, IsNotReadWhereAnotherThreadHasWrittenOverIt) {
  note.set({.kind = WaitKind::kExchange, .pending = {{.port = 0}, {.port = 1}}});
  WaitNote other(endpoint, clock, ports);
  std::thread([&] { other.set({.kind = WaitKind::kExchange, .pending = {{.port = 1}}}); }).join();
  const auto waits = read_waits(endpoint, ports);
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(waits[0].subject.pending.size(), 1u);
}

/// A jump out of a wait leaves its note behind.
TEST_F(WaitBoard, BelievesTheNewestNoteOfAThread) {
  WaitNote left(endpoint, clock);
  left.set({.subject = 1});
  WaitNote newer(endpoint, clock);
  newer.set({.subject = 2});
  const auto waits = read_waits(endpoint);
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(waits[0].subject.subject, 2u);
}

TEST_F(WaitBoard, SurvivesWhatATaskScribbled) {
  std::uint32_t thread = 0xffffffff;
  for (auto& record : endpoint.wait) {
    record.thread = thread--;
    record.number = ~std::uint64_t{0};
    record.kind = static_cast<WaitKind>(77);
  }
  endpoint.wait[0].writing = 1;
  EXPECT_EQ(read_waits(endpoint).size(), kWaitRecords - 1);
}

}  // namespace
}  // namespace mvm::queue
