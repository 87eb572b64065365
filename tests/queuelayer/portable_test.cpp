// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <mvm/queuelayer/portable.hpp>
#include <random>

#include "test_seed.hpp"

namespace mvm::queue {
namespace {

using ByteList = std::vector<std::byte>;

ByteList bytes_of(std::initializer_list<int> values) {
  ByteList bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}
template <typename Number>
ByteList bytes_of(const std::vector<Number>& numbers) {
  ByteList bytes(numbers.size() * sizeof(Number));
  if (!numbers.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}
template <typename Number>
std::vector<Number> numbers_of(std::span<const std::byte> bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}
constexpr std::uint32_t tag(ElementKind kind, std::uint32_t size) {
  return ElementType{kind, size}.tag();
}
const auto kInt16 = ElementType{ElementKind::kSigned, 2};
const auto kInt32 = ElementType{ElementKind::kSigned, 4};
const auto kInt64 = ElementType{ElementKind::kSigned, 8};
const auto kUint32 = ElementType{ElementKind::kUnsigned, 4};
const auto kUint64 = ElementType{ElementKind::kUnsigned, 8};
const auto kFloat = ElementType{ElementKind::kFloating, 4};
const auto kDouble = ElementType{ElementKind::kFloating, 8};

std::string refusal(const Result<void>& result) {
  return result ? "accepted" : result.error().message;
}

TEST(Portable, BytesAreAsDocumented) {
  if (std::endian::native != std::endian::little) GTEST_SKIP() << "the bytes of a little host";
  ByteList out;
  ASSERT_TRUE(to_portable(bytes_of(std::vector<std::int32_t>{1, -2}), kInt32.tag(), out));
  EXPECT_EQ(out, bytes_of({'P', 1, 0, 0, 4, 0, 0, 1, 1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}));
}

TEST(Portable, ComesBackWithoutACopy) {
  for (const auto type :
       {kInt16, kInt32, kInt64, kUint64, kFloat, kDouble, ElementType{ElementKind::kComplex, 16},
        ElementType{ElementKind::kBoolean, 1}, ElementType{ElementKind::kCharacter, 1},
        ElementType{}}) {
    for (const std::size_t count : {0u, 1u, 5u, 1000u}) {
      const ByteList native(count * 16, std::byte{7});
      ByteList out;
      ASSERT_TRUE(to_portable(native, type.tag(), out));
      EXPECT_EQ(out.size(), native.size() + kPortableHeader);
      ByteList swapped;
      const auto back = from_portable(out, swapped);
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_EQ(back->tag, type.tag());
      EXPECT_TRUE(std::ranges::equal(back->bytes, native));
      EXPECT_EQ(back->bytes.data(), out.data() + kPortableHeader);
    }
  }
}

// Messages of a host of the other byte order, made by hand.

TEST(Portable, IsReadFromBigEndianHosts) {
  if (std::endian::native != std::endian::little) GTEST_SKIP() << "this host is one";
  ByteList swapped;
  auto big = bytes_of({'P', 1, 1, 0, 4, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe});
  auto native = from_portable(big, swapped);
  ASSERT_TRUE(native);
  EXPECT_EQ(native->tag, kInt32.tag());
  EXPECT_EQ(numbers_of<std::int32_t>(native->bytes), (std::vector<std::int32_t>{1, -2}));
  // The message itself stays as it was: others may read it too.
  EXPECT_EQ(big[11], std::byte{1});

  big = bytes_of({'P', 1, 1, 0, 8, 0, 0, 3, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0});
  native = from_portable(big, swapped);
  ASSERT_TRUE(native);
  EXPECT_EQ(numbers_of<double>(native->bytes), std::vector<double>{1.5});

  // A complex number is two.
  big = bytes_of({'P', 1, 1, 0, 8, 0, 0, 8, 0x3f, 0x80, 0, 0, 0x40, 0, 0, 0});
  native = from_portable(big, swapped);
  ASSERT_TRUE(native);
  EXPECT_EQ(numbers_of<float>(native->bytes), (std::vector<float>{1, 2}));

  // Characters, bytes and composites have no order to change.
  for (const int kind : {5, 0, 7, 9}) {
    const int size = kind == 5 ? 1 : 0;
    big = bytes_of({'P', 1, 1, 0, size, 0, 0, kind, 'a', 'b', 'c'});
    native = from_portable(big, swapped);
    ASSERT_TRUE(native) << kind;
    EXPECT_EQ(numbers_of<char>(native->bytes), (std::vector<char>{'a', 'b', 'c'})) << kind;
  }
}

TEST(Portable, RefusesWhatHasNoSuchForm) {
  ByteList out;
  const ByteList native(24);
  EXPECT_EQ(refusal(to_portable(native, tag(ElementKind::kStructure, 24), out)),
            "structures of 24 bytes have no portable form, because nothing says what is in them; "
            "list the members in the structure, as in MVM_FIELDS(id, name, values), or take "
            "codec=\"portable\" from the queue");
  EXPECT_EQ(refusal(to_portable(native, tag(ElementKind::kFloating, 16), out)),
            "floating point of 16 bytes have no portable form, because their bytes mean something "
            "else on other machines; send double or a 64-bit integer");
  EXPECT_NE(refusal(to_portable(native, tag(ElementKind::kSigned, 16), out)), "accepted");
  EXPECT_NE(refusal(to_portable(native, tag(ElementKind::kSigned, 0), out)), "accepted");
  EXPECT_NE(refusal(to_portable(native, tag(static_cast<ElementKind>(10), 8), out)), "accepted");
  EXPECT_EQ(refusal(to_portable(ByteList(23), kInt16.tag(), out)),
            "a message of 23 bytes is not made of whole elements of int16");
}

TEST(Portable, RefusesBytesThatAreNoSuchForm) {
  ByteList good;
  ASSERT_TRUE(to_portable(ByteList(16), kInt32.tag(), good));
  ByteList swapped;
  for (std::size_t length = 0; length < kPortableHeader; ++length) {
    EXPECT_FALSE(from_portable(std::span(good).first(length), swapped)) << length;
  }
  for (std::size_t length = kPortableHeader + 1; length % 4 != 0; ++length) {
    EXPECT_FALSE(from_portable(std::span(good).first(length), swapped)) << length;
  }
  // mark, version, order, unused; a size that no integer has; kinds that have no elements
  for (const auto [at, value] : {std::pair(0, 'Q'),
                                 {1, 2},
                                 {2, 2},
                                 {3, 1},
                                 {4, 3},
                                 {4, 0},
                                 {5, 1},
                                 {7, 6},
                                 {7, 10},
                                 {7, 0},
                                 {7, 255}}) {
    auto bad = good;
    bad[static_cast<std::size_t>(at)] = static_cast<std::byte>(value);
    EXPECT_FALSE(from_portable(bad, swapped)) << at << " " << value;
  }
}

TEST(Portable, AnyBytesAreReadOrRefused) {
  std::mt19937 random(test_seed());
  for (int round = 0; round < 20'000; ++round) {
    ByteList bytes(random_below(random, 40));
    for (auto& byte : bytes) byte = static_cast<std::byte>(random_below(random, 256));
    constexpr std::byte kHead[] = {std::byte{'P'}, std::byte{1}, std::byte{1}, std::byte{0}};
    std::copy_n(kHead, std::min(bytes.size(), sizeof kHead), bytes.begin());
    if (bytes.size() >= 8) {
      bytes[4] = static_cast<std::byte>(random_below(random, 20));
      bytes[5] = bytes[6] = std::byte{0};
      bytes[7] = static_cast<std::byte>(random_below(random, 12));
    }
    ByteList swapped;
    const auto native = from_portable(bytes, swapped);
    if (native) {
      EXPECT_EQ(native->bytes.size(), bytes.size() - kPortableHeader);
    }
  }
}

// Conversion.

/// Converts numbers, or tells why not.
template <typename To, typename From>
std::string converted(const std::vector<From>& from, ElementType from_type, ElementType to_type,
                      std::vector<To>& to) {
  to.assign(from.size(), To{});
  return refusal(convert_elements(bytes_of(from), from_type,
                                  reinterpret_cast<std::byte*>(to.data()), to_type));
}

TEST(Conversion, OfIntegersKeepsValuesOrNamesThem) {
  std::vector<std::int64_t> wide;
  EXPECT_EQ(converted(std::vector<std::int32_t>{1, -2}, kInt32, kInt64, wide), "accepted");
  EXPECT_EQ(wide, (std::vector<std::int64_t>{1, -2}));
  std::vector<std::int32_t> narrow;
  EXPECT_EQ(converted(wide, kInt64, kInt32, narrow), "accepted");
  EXPECT_EQ(narrow, (std::vector<std::int32_t>{1, -2}));
  EXPECT_EQ(converted(std::vector<std::int64_t>{0, 3'000'000'000}, kInt64, kInt32, narrow),
            "the value 3000000000 (element 1) does not fit int32");
  std::vector<std::uint32_t> positive;
  EXPECT_EQ(converted(std::vector<std::int32_t>{-1}, kInt32, kUint32, positive),
            "the value -1 (element 0) does not fit uint32");
  EXPECT_EQ(converted(std::vector<std::int64_t>{3'000'000'000}, kInt64, kUint32, positive),
            "accepted");
  EXPECT_EQ(positive[0], 3'000'000'000u);
  EXPECT_EQ(converted(std::vector<std::uint64_t>{std::numeric_limits<std::uint64_t>::max()},
                      kUint64, kInt64, wide),
            "the value 18446744073709551615 (element 0) does not fit int64");
}

TEST(Conversion, OfAnyIntegerAgreesWithTheLanguage) {
  std::mt19937 random(test_seed());
  for (int round = 0; round < 20'000; ++round) {
    const auto value = static_cast<std::int64_t>(random()) << random_below(random, 33);
    const auto given = random_below(random, 2) == 0 ? value : -value;
    std::vector<std::int16_t> narrow;
    const auto told = converted(std::vector<std::int64_t>{given}, kInt64, kInt16, narrow);
    EXPECT_EQ(told == "accepted", std::in_range<std::int16_t>(given)) << given;
    if (told == "accepted") EXPECT_EQ(narrow[0], given);
  }
}

TEST(Conversion, OfFloatingPointRoundsButNeverOverflows) {
  std::vector<float> narrow;
  EXPECT_EQ(converted(std::vector<double>{0.1, -2, 1e-300}, kDouble, kFloat, narrow), "accepted");
  EXPECT_EQ(narrow, (std::vector<float>{0.1f, -2, 0}));
  const auto infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(
      converted(std::vector<double>{infinity, -infinity, std::nan("")}, kDouble, kFloat, narrow),
      "accepted");
  EXPECT_TRUE(std::isinf(narrow[0]) && std::isnan(narrow[2]));
  EXPECT_NE(
      converted(std::vector<double>{1e300}, kDouble, kFloat, narrow).find("does not fit float"),
      std::string::npos);
  std::vector<double> wide;
  EXPECT_EQ(converted(std::vector<float>{0.5f}, kFloat, kDouble, wide), "accepted");
  EXPECT_EQ(wide[0], 0.5);
}

TEST(Conversion, IsBetweenNumbersOfAKind) {
  EXPECT_TRUE(is_convertible(kInt32, kUint64) && is_convertible(kFloat, kDouble));
  EXPECT_TRUE(is_convertible(kInt32, kInt32));
  EXPECT_FALSE(is_convertible(kInt32, kFloat) || is_convertible(kDouble, kInt64));
  EXPECT_FALSE(is_convertible({ElementKind::kCharacter, 1}, {ElementKind::kSigned, 1}));
  EXPECT_FALSE(is_convertible({ElementKind::kBoolean, 1}, kInt32));
  EXPECT_FALSE(is_convertible({ElementKind::kStructure, 8}, {ElementKind::kStructure, 16}));
  EXPECT_FALSE(is_convertible({ElementKind::kSigned, 3}, kInt32));
  EXPECT_FALSE(is_convertible({ElementKind::kFloating, 16}, kDouble));
}

}  // namespace
}  // namespace mvm::queue
