// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/records.hpp>

#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace mvm {
namespace {

using Records = std::vector<std::string>;

/// All messages of a stream that arrives in pieces of `step` bytes, and the error that ended it.
struct Cut {
  Records records;
  std::optional<Error> error;
};
Cut cut(RecordCutter cutter, const std::string& stream, std::size_t step = 1 << 20) {
  Cut result;
  const auto drain = [&](auto&& take) {
    for (;;) {
      const Result<std::optional<std::string_view>> record = take();
      if (!record) result.error = record.error();
      if (!record || !*record) return;
      result.records.emplace_back(**record);
    }
  };
  for (std::size_t at = 0; at < stream.size() && !result.error; at += step) {
    cutter.feed(std::string_view(stream).substr(at, step));
    drain([&] { return cutter.next(); });
  }
  if (!result.error) drain([&] { return cutter.last(); });
  return result;
}

TEST(Records, LinesComeWithoutNewlineAndTheLastMayLackIt) {
  const RecordCutter lines(RecordFormat::kLines, 100_B);
  EXPECT_EQ(cut(lines, "a\n\nbc\n").records, (Records{"a", "", "bc"}));
  EXPECT_EQ(cut(lines, "a\nbc").records, (Records{"a", "bc"}));
  EXPECT_EQ(cut(lines, "").records, Records{});
}

TEST(Records, RawPiecesHaveOneSizeAndAShortEnd) {
  const RecordCutter raw(RecordFormat::kRaw, 100_B, 3);
  EXPECT_EQ(cut(raw, "abcdefgh").records, (Records{"abc", "def", "gh"}));
}

TEST(Records, AStreamThatEndsInsideAFrameIsRefused) {
  std::string stream;
  append_record(stream, RecordFormat::kFrames, "whole");
  append_record(stream, RecordFormat::kFrames, "torn");
  stream.pop_back();
  const auto result = cut(RecordCutter(RecordFormat::kFrames, 100_B), stream);
  EXPECT_EQ(result.records, Records{"whole"});
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kProtocol);
  EXPECT_NE(result.error->message.find("frame 2"), std::string::npos) << result.error->message;
}

TEST(Records, TooLongMessagesAreRefusedBeforeTheyAreWhole) {
  const auto line = cut(RecordCutter(RecordFormat::kLines, 4_B), "1234\n12345", 2);
  EXPECT_EQ(line.records, Records{"1234"});
  ASSERT_TRUE(line.error);
  EXPECT_EQ(line.error->code, ErrorCode::kLimit);
  EXPECT_NE(line.error->message.find("line 2"), std::string::npos) << line.error->message;
  const auto frame =
      cut(RecordCutter(RecordFormat::kFrames, 4_B), std::string("\x05\x00\x00\x00", 4));
  ASSERT_TRUE(frame.error);
  EXPECT_EQ(frame.error->code, ErrorCode::kLimit);
}

TEST(Records, AnyContentTravelsInFramesWhateverThePieces) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    Records wanted(random() % 20);
    std::string stream;
    for (auto& record : wanted) {
      record.resize(random() % 300);
      for (char& c : record) c = static_cast<char>(random());
      append_record(stream, RecordFormat::kFrames, record);
    }
    const auto result = cut(RecordCutter(RecordFormat::kFrames, 300_B), stream, 1 + random() % 50);
    EXPECT_FALSE(result.error);
    EXPECT_EQ(result.records, wanted);
  }
}

TEST(Records, LinesTravelWhateverThePieces) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    Records wanted(random() % 20);
    std::string stream;
    for (auto& record : wanted) {
      record.assign(random() % 300, 'x');
      append_record(stream, RecordFormat::kLines, record);
    }
    const auto result = cut(RecordCutter(RecordFormat::kLines, 300_B), stream, 1 + random() % 50);
    EXPECT_FALSE(result.error);
    EXPECT_EQ(result.records, wanted);
  }
}

TEST(Records, FormatsAreNamedByTheirWords) {
  for (const auto format : {RecordFormat::kLines, RecordFormat::kFrames, RecordFormat::kRaw}) {
    EXPECT_EQ(parse_record_format(to_string(format)), format);
  }
  EXPECT_FALSE(parse_record_format("line"));
}

}  // namespace
}  // namespace mvm
