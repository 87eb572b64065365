// SPDX-License-Identifier: Apache-2.0
#include <mvm/base/byte_codec.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace mvm {
namespace {

enum class Colour : std::uint16_t { kRed = 0x0102 };

TEST(ByteCodec, WritesLittleEndian) {
  ByteWriter writer;
  writer.put(std::uint32_t{0x01020304});
  writer.put(Colour::kRed);
  writer.put("ab");
  EXPECT_EQ(writer.bytes(), std::string("\4\3\2\1\2\1\2\0\0\0ab", 12));
}

TEST(ByteCodec, ReadsWhatItWrote) {
  ByteWriter writer;
  writer.put(std::numeric_limits<std::int64_t>::min());
  writer.put(std::int8_t{-1});
  writer.put(std::numeric_limits<std::uint64_t>::max());
  writer.put(true);
  writer.put(std::string("a\0b", 3));
  const auto bytes = writer.take();
  ByteReader reader(bytes);
  EXPECT_EQ(reader.get<std::int64_t>(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(reader.get<std::int8_t>(), -1);
  EXPECT_EQ(reader.get<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(reader.get<bool>());
  EXPECT_EQ(reader.get_text(3), std::string_view("a\0b", 3));
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

TEST(ByteCodec, GivesZerosAfterTheFirstReadPastTheEnd) {
  ByteReader reader(std::string_view("\1\2\3", 3));
  EXPECT_EQ(reader.get<std::uint32_t>(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.get<std::uint8_t>(), 0U);
  EXPECT_EQ(reader.get_text(10), "");
}

TEST(ByteCodec, RefusesATextOverItsLimitOrPastTheEnd) {
  ByteWriter writer;
  writer.put("abcdef");
  const auto bytes = writer.take();
  ByteReader limited(bytes);
  EXPECT_EQ(limited.get_text(5), "");
  EXPECT_FALSE(limited.ok());
  ByteReader cut(std::string_view(bytes).substr(0, 8));
  EXPECT_EQ(cut.get_text(100), "");
  EXPECT_FALSE(cut.ok());
}

}  // namespace
}  // namespace mvm
