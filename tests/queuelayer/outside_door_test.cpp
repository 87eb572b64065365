// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/outside_door.hpp>

#include <gtest/gtest.h>

#include <condition_variable>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <mvm/base/records.hpp>
#include <mvm/queuelayer/arena.hpp>
#include <mvm/queuelayer/channel_ends.hpp>
#include <mvm/queuelayer/control_protocol.hpp>

#include "queue_ends.hpp"

namespace mvm::queue {
namespace {

using control::OutsideClosed;
using control::OutsideData;
using control::OutsideDone;
using control::OutsideEnd;
using control::OutsideGoing;
using control::OutsideLeave;
using control::OutsideOpen;
using control::OutsideReply;
using control::OutsideWay;
using Messages = std::vector<std::string>;

constexpr std::uint32_t kIn = 0;   ///< the channel from port "jobs" to task 0
constexpr std::uint32_t kOut = 1;  ///< the channel from task 0 to port "results"

/// One task, fed from "jobs" and feeding "results".
WiringPlan door_plan(const QueueSpec& in, const QueueSpec& out) {
  WiringPlan plan;
  plan.group = "test-0123abcd";
  plan.machines = {{""}};
  plan.programs = {"/bin/true"};
  TaskSpec task;
  task.job = "worker";
  task.coordinates = {0};
  task.directory = "/tmp";
  task.shares_core = true;
  task.ports = {{"in", {}, {kIn}}, {"out", {{Spread::kOneToOne, {kOut}}}, {}}};
  plan.tasks = {task};
  plan.outside = {{"jobs", {{Spread::kOneToOne, {kIn}}}, {}}, {"results", {}, {kOut}}};
  ChannelSpec channel;
  channel.id = kIn;
  channel.queue = in;
  channel.sender = kOutside;
  channel.receivers = {0};
  channel.receiver_machines = {0};
  channel.sender_port = "outside.jobs";
  channel.receiver_port = "worker[0].in";
  plan.channels.push_back(channel);
  channel.id = kOut;
  channel.queue = out;
  channel.sender = 0;
  channel.receivers = {kOutside};
  channel.sender_port = "worker[0].out";
  channel.receiver_port = "outside.results";
  plan.channels.push_back(channel);
  return plan;
}

/// The task's ends, and what the door said to each session.
class OutsideDoorTest : public ::testing::Test {
 protected:
  void open(const QueueSpec& in = {}, const QueueSpec& out = {}) {
    plan_ = door_plan(in, out);
    ASSERT_TRUE(check(plan_)) << check(plan_).error().message;
    auto made = Arena::create(plan_);
    ASSERT_TRUE(made) << made.error().message;
    arena_.emplace(std::move(*made));
    ends_.emplace(plan_, *arena_);
    heap_.emplace(*arena_, arena_->endpoint(0));
    sender_.emplace(*arena_, kOut, *heap_);
    receiver_.emplace(*arena_, kIn, 0);
    auto door = OutsideDoor::open(plan_, *arena_, [this](std::vector<OutsideReply> replies) {
      const std::scoped_lock lock(mutex_);
      for (auto& reply : replies) keep(std::move(reply));
      changed_.notify_all();
    });
    ASSERT_TRUE(door) << door.error().message;
    door_ = *std::move(door);
  }

  void TearDown() override { door_.reset(); }

  /// Sends messages of a session as an obedient program does: within its window.
  void enqueue(std::uint32_t session, const Messages& messages) {
    std::string stream;
    for (const auto& message : messages) append_record(stream, RecordFormat::kFrames, message);
    for (std::size_t at = 0; at < stream.size();) {
      const auto size = std::min<std::size_t>(stream.size() - at, 10'000);
      wait([&] { return window_[session] + size <= control::kOutsideWindow.count; });
      {
        const std::scoped_lock lock(mutex_);
        window_[session] += size;
      }
      door_->hear(OutsideData{session, stream.substr(at, size)});
      at += size;
    }
  }

  /// Waits until a session was given so many messages.
  Messages given(std::uint32_t session, std::size_t count) {
    wait([&] { return given_[session].size() >= count; });
    return given_[session];
  }

  OutsideClosed verdict(std::uint32_t session) {
    wait([&] { return closed_.contains(session); });
    return closed_[session];
  }

  std::uint64_t done(std::uint32_t session) { return done_[session]; }

  Messages receive(std::size_t count) {
    Messages messages;
    for (std::size_t i = 0; i < count; ++i) {
      std::string message;
      if (receiver_->receive(message) != Received::kMessage) break;
      messages.push_back(message);
    }
    return messages;
  }

  template <typename Condition>
  void wait(Condition&& condition) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, kPatience, condition));
  }

  WiringPlan plan_;
  std::optional<Arena> arena_;
  std::optional<ChannelEnds> ends_;
  std::optional<SenderHeap> heap_;
  std::optional<BlockingSender> sender_;
  std::optional<BlockingReceiver> receiver_;
  std::unique_ptr<OutsideDoor> door_;
  bool says_done_ = true;  ///< for all messages that it is given

 private:
  void keep(OutsideReply&& reply) {
    if (auto* data = std::get_if<OutsideData>(&reply)) {
      EXPECT_LE(data->bytes.size(), control::kMaxText);
      auto& cutter =
          cutters_.try_emplace(data->session, RecordFormat::kFrames, kMaxMessage).first->second;
      cutter.feed(data->bytes);
      std::uint64_t messages = 0;
      for (;;) {
        const auto message = cutter.next();
        ASSERT_TRUE(message) << message.error().message;
        if (!*message) break;
        given_[data->session].emplace_back(**message);
        ++messages;
      }
      if (says_done_) door_->hear(OutsideDone{data->session, messages, data->bytes.size()});
    } else if (const auto* done = std::get_if<OutsideDone>(&reply)) {
      done_[done->session] += done->messages;
      window_[done->session] -= done->bytes;
    } else if (auto* closed = std::get_if<OutsideClosed>(&reply)) {
      closed_[closed->session] = *closed;
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, RecordCutter> cutters_;
  std::map<std::uint32_t, Messages> given_;
  std::map<std::uint32_t, std::uint64_t> done_;
  std::map<std::uint32_t, std::uint64_t> window_;
  std::map<std::uint32_t, OutsideClosed> closed_;
};

Messages numbered_messages(int count) {
  Messages messages;
  for (int i = 0; i < count; ++i) messages.push_back(std::to_string(i));
  return messages;
}

TEST_F(OutsideDoorTest, CarriesMessagesInWithBackPressure) {
  open(QueueSpec{.capacity = 4});
  const auto sent = numbered_messages(20'000);
  door_->hear(OutsideOpen{1, "jobs", OutsideWay::kEnqueue});
  std::thread program([&] {
    enqueue(1, sent);
    door_->hear(OutsideLeave{1, OutsideGoing::kFinished});
  });
  EXPECT_EQ(receive(sent.size()), sent);
  program.join();
  EXPECT_EQ(verdict(1).end, OutsideEnd::kAsAsked);
  EXPECT_EQ(done(1), sent.size());
  const auto count = ends_->figures()[kIn];
  EXPECT_EQ(count.enqueued, sent.size());
  EXPECT_EQ(count.dequeued, sent.size());
}

TEST_F(OutsideDoorTest, CarriesMessagesOutUntilTheirSenderEnds) {
  open({}, QueueSpec{.capacity = 4});
  const auto sent = numbered_messages(20'000);
  door_->hear(OutsideOpen{1, "results", OutsideWay::kDequeue});
  for (const auto& message : sent) ASSERT_EQ(sender_->send(message), Posted::kYes);
  ends_->task_ended(0, false);
  EXPECT_EQ(verdict(1).end, OutsideEnd::kStream);
  EXPECT_EQ(given(1, sent.size()), sent);
  EXPECT_EQ(ends_->figures()[kOut].dequeued, sent.size());
}

TEST_F(OutsideDoorTest, CarriesMessagesOfAnySizeAndContent) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  std::mt19937 random(seed);
  open(QueueSpec{.capacity = 8, .bytes = 64_KiB}, QueueSpec{.capacity = 8, .bytes = 64_KiB});
  Messages sent;
  for (int i = 0; i < 60; ++i) sent.push_back(pattern(random(), random() % (1u << random() % 22)));
  door_->hear(OutsideOpen{1, "jobs", OutsideWay::kEnqueue});
  door_->hear(OutsideOpen{2, "results", OutsideWay::kDequeue});
  std::thread program([&] { enqueue(1, sent); });
  for (const auto& message : receive(sent.size())) {
    ASSERT_EQ(sender_->send(message), Posted::kYes);
  }
  program.join();
  EXPECT_EQ(given(2, sent.size()), sent);
}

TEST_F(OutsideDoorTest, AMessageIsReceivedWhenTheProgramIsDoneWithIt) {
  says_done_ = false;
  open({}, QueueSpec{.capacity = 2});
  door_->hear(OutsideOpen{1, "results", OutsideWay::kDequeue});
  ASSERT_EQ(sender_->send("a"), Posted::kYes);
  ASSERT_EQ(sender_->send("b"), Posted::kYes);
  EXPECT_EQ(given(1, 2), (Messages{"a", "b"}));
  EXPECT_FALSE(sender_->writer().ready(1)) << "the queue's capacity counts to the program";
  EXPECT_EQ(ends_->figures()[kOut].dequeued, 0u);
  door_->hear(OutsideDone{1, 1, 5});
  EXPECT_EQ(sender_->wait_for_room(1), Posted::kYes);
  EXPECT_EQ(ends_->figures()[kOut].dequeued, 1u);
}

TEST_F(OutsideDoorTest, WhatAProgramLeftUndoneGoesToTheNext) {
  says_done_ = false;
  open();
  for (const char* message : {"a", "b", "c"}) ASSERT_EQ(sender_->send(message), Posted::kYes);
  door_->hear(OutsideOpen{1, "results", OutsideWay::kDequeue});
  EXPECT_EQ(given(1, 3).size(), 3u);
  door_->hear(OutsideDone{1, 1, 5});
  door_->hear(OutsideLeave{1, OutsideGoing::kGone});
  door_->hear(OutsideOpen{2, "results", OutsideWay::kDequeue});
  EXPECT_EQ(given(2, 2), (Messages{"b", "c"}));
}

TEST_F(OutsideDoorTest, AStreamEndsOnlyWhenNobodyCanLeaveAnythingBehind) {
  says_done_ = false;
  open();
  ASSERT_EQ(sender_->send("a"), Posted::kYes);
  door_->hear(OutsideOpen{1, "results", OutsideWay::kDequeue});
  EXPECT_EQ(given(1, 1).size(), 1u);
  ends_->task_ended(0, false);
  door_->hear(OutsideOpen{2, "results", OutsideWay::kDequeue});
  door_->hear(OutsideLeave{1, OutsideGoing::kGone});
  EXPECT_EQ(given(2, 1), Messages{"a"});
  door_->hear(OutsideDone{2, 1, 5});
  EXPECT_EQ(verdict(2).end, OutsideEnd::kStream);
}

TEST_F(OutsideDoorTest, GivesNoMoreThanTheLimit) {
  open();
  for (const char* message : {"a", "b", "c"}) ASSERT_EQ(sender_->send(message), Posted::kYes);
  door_->hear(OutsideOpen{1, "results", OutsideWay::kDequeue, 2});
  EXPECT_EQ(verdict(1).end, OutsideEnd::kAsAsked);
  EXPECT_EQ(given(1, 2), (Messages{"a", "b"}));
  EXPECT_EQ(ends_->figures()[kOut].left, 1u);
}

TEST_F(OutsideDoorTest, WhatWasHandedOverCountsEvenWhenItsProgramIsGone) {
  open();
  std::string stream;
  append_record(stream, RecordFormat::kFrames, "whole");
  append_record(stream, RecordFormat::kFrames, "torn");
  stream.pop_back();
  door_->hear(OutsideOpen{1, "jobs", OutsideWay::kEnqueue});
  door_->hear(OutsideData{1, stream});
  door_->hear(OutsideLeave{1, OutsideGoing::kGone});
  door_->hear(OutsideOpen{2, "jobs", OutsideWay::kEnqueue});
  enqueue(2, {"next"});
  EXPECT_EQ(receive(2), (Messages{"whole", "next"}));
}

TEST_F(OutsideDoorTest, APortIsEndedForGood) {
  open();
  door_->hear(OutsideOpen{1, "jobs", OutsideWay::kEnqueue});
  enqueue(1, {"last"});
  door_->hear(OutsideLeave{1, OutsideGoing::kEndPort});
  EXPECT_EQ(verdict(1).end, OutsideEnd::kAsAsked);
  EXPECT_EQ(receive(2), Messages{"last"});
  EXPECT_TRUE(receiver_->reader().ended());
  door_->hear(OutsideOpen{2, "jobs", OutsideWay::kEnqueue});
  EXPECT_EQ(verdict(2).end, OutsideEnd::kRefused);
}

TEST_F(OutsideDoorTest, ProgramsAreToldWhenNobodyReceivesAnyMore) {
  open(QueueSpec{.capacity = 1});
  door_->hear(OutsideOpen{1, "jobs", OutsideWay::kEnqueue});
  enqueue(1, {"one", "waits for room"});
  EXPECT_EQ(receive(1), Messages{"one"});
  door_->hear(OutsideOpen{2, "jobs", OutsideWay::kEnqueue});
  ends_->task_ended(0, false);
  EXPECT_EQ(verdict(1).end, OutsideEnd::kStream);
  EXPECT_EQ(verdict(2).end, OutsideEnd::kStream);
}

TEST_F(OutsideDoorTest, RefusesByNameWhatIsNotThere) {
  open();
  door_->hear(OutsideOpen{1, "job", OutsideWay::kEnqueue});
  EXPECT_EQ(verdict(1).message,
            "the group has no open port 'job'; messages can be enqueued at 'jobs'");
  door_->hear(OutsideOpen{2, "jobs", OutsideWay::kDequeue});
  EXPECT_EQ(verdict(2).message,
            "port 'jobs' leads into the group; messages can be dequeued at 'results'");
}

TEST_F(OutsideDoorTest, EndsTheSessionsOfThoseWhoBreakTheRules) {
  open(QueueSpec{.capacity = 1});
  door_->hear(OutsideOpen{1, "jobs", OutsideWay::kEnqueue});
  door_->hear(OutsideOpen{2, "jobs", OutsideWay::kEnqueue});
  std::string stream;
  append_record(stream, RecordFormat::kFrames, "takes the room");
  append_record(stream, RecordFormat::kFrames, "waits");
  door_->hear(OutsideData{1, stream});
  wait([&] { return done(1) == 1; });  // so the second one waits, and nobody else has a turn
  for (int i = 0; i < 6; ++i) door_->hear(OutsideData{2, std::string(60'000, 'x')});
  EXPECT_EQ(verdict(2).code, ErrorCode::kProtocol);
  EXPECT_EQ(receive(2), (Messages{"takes the room", "waits"})) << "others are not harmed";

  door_->hear(OutsideOpen{3, "results", OutsideWay::kDequeue});
  door_->hear(OutsideDone{3, 1, 5});
  EXPECT_EQ(verdict(3).code, ErrorCode::kProtocol);

  door_->hear(OutsideOpen{4, "jobs", OutsideWay::kEnqueue});
  door_->hear(OutsideData{4, std::string("\xff\xff\xff\xff", 4)});
  EXPECT_EQ(verdict(4).code, ErrorCode::kLimit);

  door_->hear(OutsideOpen{5, "jobs", OutsideWay::kEnqueue});
  door_->hear(OutsideData{5, std::string("\x05\x00\x00\x00torn", 8)});
  door_->hear(OutsideLeave{5, OutsideGoing::kFinished});
  EXPECT_EQ(verdict(5).code, ErrorCode::kProtocol);

  door_->hear(OutsideOpen{6, "jobs", OutsideWay::kEnqueue});
  door_->hear(OutsideData{6, ""});
  EXPECT_EQ(verdict(6).code, ErrorCode::kProtocol);

  door_->hear(OutsideData{99, "of no session"});
  door_->hear(OutsideDone{99, 1, 1});
  door_->hear(OutsideLeave{99, OutsideGoing::kEndPort});
}

TEST_F(OutsideDoorTest, ManyProgramsShareAPort) {
  open(QueueSpec{.capacity = 16}, QueueSpec{.capacity = 16});
  constexpr std::uint32_t kPrograms = 5;
  constexpr int kEach = 2000;
  std::vector<std::thread> programs;
  for (std::uint32_t p = 1; p <= kPrograms; ++p) {
    door_->hear(OutsideOpen{p, "jobs", OutsideWay::kEnqueue});
    door_->hear(OutsideOpen{100 + p, "results", OutsideWay::kDequeue});
    programs.emplace_back([this, p] {
      Messages messages;
      for (int i = 0; i < kEach; ++i) messages.push_back(text(p, '.', i));
      enqueue(p, messages);
      door_->hear(OutsideLeave{p, OutsideGoing::kFinished});
    });
  }
  for (std::uint32_t i = 0; i < kPrograms * kEach; ++i) {
    std::string message;
    ASSERT_EQ(receiver_->receive(message), Received::kMessage);
    ASSERT_EQ(sender_->send(message), Posted::kYes);
  }
  for (auto& program : programs) program.join();
  ends_->task_ended(0, false);
  std::map<std::string, int> seen;
  for (std::uint32_t p = 1; p <= kPrograms; ++p) {
    EXPECT_EQ(verdict(100 + p).end, OutsideEnd::kStream);
    for (const auto& message : given(100 + p, 0)) ++seen[message];
  }
  EXPECT_EQ(seen.size(), kPrograms * kEach);
  for (const auto& [message, times] : seen) EXPECT_EQ(times, 1) << message;
}

}  // namespace
}  // namespace mvm::queue
