// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/control_protocol.hpp>

#include <gtest/gtest.h>

#include "sample_plan.hpp"

namespace mvm::queue::control {
namespace {

/// Every field has another value, so that no two can be confused.
ChannelCount sample_count(std::uint64_t first) {
  ChannelCount count{.channel = first,
                     .enqueued = first + 1,
                     .dequeued = first + 2,
                     .drops = {first + 3, first + 4, first + 5, first + 6, first + 7},
                     .left = first + 8,
                     .lost_with_task = first + 9,
                     .bytes = Bytes{first + 10},
                     .high_water = first + 11,
                     .sender_blocked = std::chrono::nanoseconds(first + 12),
                     .receiver_blocked = std::chrono::nanoseconds(first + 13)};
  (first % 4 == 3 ? count.sender_closed : count.receiver_closed) = true;
  return count;
}

TaskStatus sample_status(std::uint32_t task) {
  const ThreadWait wait{.kind = WaitKind::kSend,
                        .subject = 1,
                        .channel = 2,
                        .size = 3,
                        .seen = 4,
                        .number = 5,
                        .lasted = std::chrono::nanoseconds(6),
                        .limited = task % 2 == 0,
                        .can_go_on = task % 2 != 0,
                        .pending = {{WaitKind::kSend, 7, 8, 9}, {}}};
  return {.task = task,
          .state = TaskState::kAttached,
          .pid = 4711,
          .threads = 7,
          .has_children = true,
          .waits = {wait, {}}};
}

std::vector<Message> one_of_each() {
  return {
      Hello{4711},
      Start{sample_plan()},
      Ready{3_MiB},
      Release{},
      Output{3, OutputStream::kErrors, "boom\n"},
      TaskStarted{3, 4712},
      TaskEnded{3, EndKind::kSignalled, 11, std::chrono::seconds(2), std::chrono::seconds(1),
                9_MiB},
      Stop{StopReason::kTimeLimit},
      AllEnded{},
      Finish{},
      Figures{{sample_count(7), sample_count(9)}},
      Failed{ErrorCode::kArena, "no shared memory left"},
      Stalled{},
      Ask{77},
      Status{77,
             123'456'789,
             {sample_status(3), sample_status(4)},
             {sample_count(1)},
             {{3, Transport::kTcp, 1, 2, 3, 4, 5, 6, 7}},
             8},
      OutsideOpen{5, "jobs", OutsideWay::kDequeue, 12},
      OutsideData{5, std::string("\4\0\0\0jobs", 8)},
      OutsideDone{5, 1, 8},
      OutsideLeave{5, OutsideGoing::kEndPort},
      OutsideClosed{5, OutsideEnd::kRefused, ErrorCode::kNotFound, "there is no port jobs"},
  };
}

std::string error_of(std::string_view bytes) {
  FrameReader reader;
  reader.feed(bytes);
  const auto message = reader.next();
  return message ? "(no error)" : message.error().message;
}

std::string frame(std::uint8_t kind, std::string_view payload) {
  std::string out = {'M', 'V', 3, static_cast<char>(kind)};
  const auto length = static_cast<std::uint32_t>(payload.size());
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(length >> 8 * i));
  return out.append(payload);
}

TEST(ControlProtocol, CarriesEveryMessage) {
  const auto messages = one_of_each();
  ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
  FrameReader reader;
  for (const auto& message : messages) reader.feed(encode(message));
  for (const auto& message : messages) {
    const auto read = reader.next();
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_TRUE(*read);
    EXPECT_EQ(**read, message) << "kind " << message.index() + 1;
  }
  EXPECT_EQ(reader.next().value(), std::nullopt);
}

TEST(ControlProtocol, CutsAStreamThatComesByteByByte) {
  std::string stream;
  for (const auto& message : one_of_each()) stream += encode(message);
  FrameReader reader;
  std::vector<Message> read;
  for (const char byte : stream) {
    reader.feed({&byte, 1});
    auto message = reader.next();
    ASSERT_TRUE(message) << message.error().message;
    if (*message) read.push_back(**std::move(message));
  }
  EXPECT_EQ(read, one_of_each());
}

TEST(ControlProtocol, HasTheDocumentedBytes) {
  using namespace std::string_literals;
  EXPECT_EQ(encode(Hello{0x0102}), "MV\3\1\10\0\0\0\2\1\0\0\0\0\0\0"s);
  EXPECT_EQ(encode(Release{}), "MV\3\4\0\0\0\0"s);
  EXPECT_EQ(encode(Output{3, OutputStream::kErrors, "hi"}), "MV\3\5\13\0\0\0\3\0\0\0\1\2\0\0\0hi"s);
  EXPECT_EQ(encode(Stop{StopReason::kTimeLimit}), "MV\3\10\1\0\0\0\2"s);
  EXPECT_EQ(encode(Failed{ErrorCode::kUsage, "x"}), "MV\3\14\7\0\0\0\x6b\0\1\0\0\0x"s);
}

TEST(ControlProtocol, NamesWhatIsWrongWithAFrame) {
  EXPECT_EQ(error_of("GET / HTTP/1.1\r\n"),
            "the peer does not speak the control protocol: a frame should begin with 'MV'");
  EXPECT_EQ(error_of(std::string("MV\4\1\0\0\0\0", 8)),
            "the peer speaks version 4 of the control protocol, we speak 3; use mvm and mvmq of "
            "the same release");
  EXPECT_EQ(error_of(frame(0, "")), "the peer sent a control frame of unknown kind 0");
  EXPECT_EQ(error_of(frame(21, "")), "the peer sent a control frame of unknown kind 21");
  EXPECT_EQ(error_of(std::string("MV\3\4\1\0\0\0", 8)),
            "the peer announced a control frame Release of 1 bytes, the limit is 0");
  EXPECT_EQ(error_of(std::string("MV\3\2\1\0\0\x18", 8)),
            "the peer announced a control frame Start of 402653185 bytes, the limit is 402653184");
  EXPECT_EQ(error_of(frame(8, "\4")),
            "the peer sent a control frame Stop, but its payload is wrong: at byte 0 of 1 there is "
            "choice 4, unknown");
  EXPECT_EQ(error_of(frame(8, std::string(2, '\0'))),
            "the peer sent a control frame Stop, but its payload is wrong: at byte 1 of 2 there is "
            "more bytes than the value has");
  EXPECT_EQ(error_of(frame(8, "")),
            "the peer sent a control frame Stop, but its payload is wrong: at byte 0 of 0 there is "
            "the end, where a number should be");
  EXPECT_EQ(error_of(frame(2, "plan")),
            "the peer sent a control frame Start, but these 4 bytes are not a wiring plan");
}

TEST(ControlProtocol, RefusesAPlanThatDoesNotHoldWithThePlansOwnCode) {
  auto plan = sample_plan();
  plan.tasks[1].program = 2;
  FrameReader reader;
  reader.feed(encode(Start{plan}));
  EXPECT_EQ(reader.next().error().code, ErrorCode::kInvalidPlan);
}

TEST(ControlProtocol, StaysBrokenAfterAnError) {
  FrameReader reader;
  reader.feed(frame(99, ""));
  const auto first = reader.next().error().message;
  reader.feed(encode(Release{}));
  EXPECT_EQ(reader.next().error().message, first);
}

TEST(ControlProtocol, JudgesAFrameByItsHeaderAlone) {
  FrameReader reader;
  reader.feed(frame(99, std::string(100, 'x')).substr(0, 8));
  EXPECT_FALSE(reader.next());
}

TEST(ControlProtocol, CarriesAFullChunkOfOutputAndCutsALongFailure) {
  FrameReader reader;
  const Message full = Output{1, OutputStream::kOutput, std::string(kMaxText, 'o')};
  reader.feed(encode(full));
  EXPECT_EQ(reader.next().value(), full);
  reader.feed(encode(Failed{ErrorCode::kLaunch, std::string(kMaxText + 1, 'f')}));
  EXPECT_EQ(reader.next().value(), Message(Failed{ErrorCode::kLaunch, std::string(kMaxText, 'f')}));
}

}  // namespace
}  // namespace mvm::queue::control
