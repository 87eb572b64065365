// SPDX-License-Identifier: Apache-2.0
#include <mvm/queuelayer/codec_chain.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "test_seed.hpp"

namespace mvm::queue {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::array<unsigned char, 32> kSecret = {1, 2, 3};
constexpr std::uint64_t kChannel = 42;

std::unique_ptr<CodecChain> chain_of(const std::vector<CodecStage>& stages,
                                     std::uint64_t channel = kChannel) {
  auto chain = CodecChain::make(stages, kSecret, channel, {});
  EXPECT_TRUE(chain) << chain.error().message;
  return chain ? std::move(*chain) : nullptr;
}

std::unique_ptr<CodecChain> chain_of(CodecKind kind, std::int32_t level = 0) {
  return chain_of(std::vector<CodecStage>{{kind, level, {}}});
}

Bytes encoded(CodecChain& chain, ConstBytes plain) {
  const auto bytes = chain.encode(plain);
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes ? Bytes(bytes->begin(), bytes->end()) : Bytes();
}

/// Empty: it was refused.
std::optional<Bytes> decoded(CodecChain& chain, ConstBytes bytes,
                             std::size_t limit = kMaxMessage.count) {
  CodecBuffer space;
  const auto plain = chain.decode(bytes, space, limit);
  if (!plain) return std::nullopt;
  EXPECT_LE(plain->bytes.size(), limit);
  if (plain->in_place) {
    EXPECT_EQ(plain->bytes.data(), bytes.data());
  } else {
    EXPECT_EQ(plain->bytes.data(), space.first(0).data());
  }
  return Bytes(plain->bytes.begin(), plain->bytes.end());
}

std::string reason(CodecChain& chain, ConstBytes bytes, std::size_t limit = kMaxMessage.count) {
  CodecBuffer space;
  const auto plain = chain.decode(bytes, space, limit);
  return plain ? "accepted" : plain.error().message;
}

Bytes zeros(std::size_t size) {
  return Bytes(size);
}
Bytes noise(std::mt19937& random, std::size_t size) {
  Bytes bytes(size);
  std::ranges::generate(bytes, [&random] { return static_cast<std::byte>(random()); });
  return bytes;
}
/// Between the two: words of few letters.
Bytes words(std::mt19937& random, std::size_t size) {
  Bytes bytes(size);
  std::ranges::generate(bytes, [&random] { return static_cast<std::byte>('a' + random() % 4); });
  return bytes;
}
Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

const std::vector<std::vector<CodecStage>>& all_chains() {
  using enum CodecKind;
  static const std::vector<std::vector<CodecStage>> chains = {
      {{kLz4}},
      {{kLz4, -20}},
      {{kLz4, 9}},
      {{kZstd}},
      {{kZstd, -5}},
      {{kZstd, 12}},
      {{kCrc32c}},
      {{kAesGcm}},
      {{kPortable}, {kLz4}, {kCrc32c}},
      {{kZstd}, {kAesGcm}},
      {{kCrc32c}, {kAesGcm}, {kCrc32c}},
      {{kCrc32c}, {kCrc32c}},
      {{kLz4}, {kZstd}, {kLz4}, {kZstd}, {kCrc32c}, {kAesGcm}, {kRaw}, {kAesGcm}},
  };
  return chains;
}

class EveryChain : public testing::TestWithParam<std::size_t> {
 protected:
  std::unique_ptr<CodecChain> sender_ = chain_of(all_chains()[GetParam()]);
  std::unique_ptr<CodecChain> receiver_ = chain_of(all_chains()[GetParam()]);
};

TEST_P(EveryChain, GivesBackWhatItWasGiven) {
  std::mt19937 random(test_seed());
  std::vector<std::size_t> sizes = {0,    1,    2,    3,    4,     5,     6,     7,
                                    8,    15,   16,   17,   63,    64,    65,    255,
                                    1000, 4095, 4096, 4097, 65535, 65536, 65537, 1 << 20};
  for (int i = 0; i < 20; ++i) sizes.push_back(random_below(random, 200'000));
  std::ranges::shuffle(sizes, random);
  for (const auto size : sizes) {
    for (const auto& plain : {zeros(size), noise(random, size), words(random, size)}) {
      const auto sent = encoded(*sender_, plain);
      // What does not become shorter is stored as it is.
      EXPECT_LE(sent.size(), size + kMaxCodecs * 28);
      const auto received = decoded(*receiver_, sent);
      ASSERT_TRUE(received) << size << ": " << reason(*receiver_, sent);
      ASSERT_EQ(*received, plain) << size;
    }
  }
}

TEST_P(EveryChain, NeverAcceptsMoreThanTheLimit) {
  std::mt19937 random(test_seed());
  for (const std::size_t size : {1, 100, 10'000}) {
    for (const auto& plain : {zeros(size), noise(random, size)}) {
      const auto sent = encoded(*sender_, plain);
      EXPECT_TRUE(decoded(*receiver_, sent, size)) << reason(*receiver_, sent, size);
      EXPECT_FALSE(decoded(*receiver_, sent, size - 1));
    }
  }
}

TEST_P(EveryChain, SurvivesAnyBytes) {
  std::mt19937 random(test_seed());
  for (int i = 0; i < 2000; ++i) {
    // Noise, and what was sent with some bytes changed, or cut.
    auto bytes = encoded(*sender_, words(random, random_below(random, 300)));
    if (i % 3 == 0) bytes = noise(random, random_below(random, 300));
    for (std::uint64_t changes = random_below(random, 4); changes-- > 0 && !bytes.empty();) {
      bytes[random_below(random, bytes.size())] = static_cast<std::byte>(random());
    }
    if (i % 5 == 0) bytes.resize(random_below(random, bytes.size() + 1));
    // A copy of exact size, so that the address sanitizer sees a read past its end.
    const auto exact = std::make_unique<std::byte[]>(bytes.size());
    std::ranges::copy(bytes, exact.get());
    (void)decoded(*receiver_, {exact.get(), bytes.size()}, 1 << 20);
  }
  const auto plain = words(random, 1000);
  const auto received = decoded(*receiver_, encoded(*sender_, plain));
  ASSERT_TRUE(received) << "what was refused must leave no trace";
  EXPECT_EQ(*received, plain);
}

INSTANTIATE_TEST_SUITE_P(Codecs, EveryChain, testing::Range<std::size_t>(0, all_chains().size()));

TEST(CodecChain, IsNullWhereTheBytesTravelAsTheyAre) {
  EXPECT_EQ(chain_of(std::vector<CodecStage>{}), nullptr);
  EXPECT_EQ(chain_of({{CodecKind::kRaw}, {CodecKind::kPortable}}), nullptr);
}

TEST(CodecChain, TellsItsCodecsInOrder) {
  EXPECT_EQ(chain_of({{CodecKind::kZstd}, {CodecKind::kRaw}, {CodecKind::kAesGcm}})->words(),
            "zstd, aes-gcm");
}

TEST(CodecChain, RefusesWhatItCannotMake) {
  const auto error_of = [](std::vector<CodecStage> stages) {
    const auto chain = CodecChain::make(stages, kSecret, kChannel, {});
    return chain ? std::string("made") : chain.error().message;
  };
  EXPECT_NE(error_of({{CodecKind::kLz4, 13}}).find("no level 13"), std::string::npos);
  EXPECT_NE(error_of({{CodecKind::kZstd, 23}}).find("no level 23"), std::string::npos);
  EXPECT_NE(error_of({{CodecKind::kCustom, 0, "/x/rot13.so"}}).find("/x/rot13.so"),
            std::string::npos);
  EXPECT_NE(error_of({{static_cast<CodecKind>(77)}}).find("kind 77"), std::string::npos);
  EXPECT_NE(error_of(std::vector<CodecStage>(kMaxCodecs + 1, {CodecKind::kCrc32c})).find("at most"),
            std::string::npos);
  const std::array<unsigned char, 32> none{};
  const auto chain =
      CodecChain::make(std::vector<CodecStage>{{CodecKind::kAesGcm}}, none, kChannel, {});
  ASSERT_FALSE(chain);
  EXPECT_NE(chain.error().message.find("no secret"), std::string::npos);
}

TEST(CodecChain, RefusesAtTheSenderWhatWouldBeOverTheLimitWhenEncoded) {
  // Address space only: neither codec looks at the bytes before it has refused the length.
  const std::size_t size = kMaxMessage.count + 1;
  const std::unique_ptr<std::byte, decltype(&std::free)> memory(
      static_cast<std::byte*>(std::malloc(size)), std::free);
  ASSERT_TRUE(memory);
  for (const auto kind : {CodecKind::kLz4, CodecKind::kCrc32c, CodecKind::kAesGcm}) {
    const auto bytes = chain_of(kind)->encode({memory.get(), size});
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, ErrorCode::kLimit);
  }
}

TEST(Crc32c, IsTheChecksumThatEverybodyKnowsMasked) {
  const auto bytes = encoded(*chain_of(CodecKind::kCrc32c), bytes_of("123456789"));
  ASSERT_EQ(bytes.size(), 13u);
  std::uint32_t stored = 0;
  for (int i = 0; i < 4; ++i) stored |= std::to_integer<std::uint32_t>(bytes[9 + i]) << (8 * i);
  EXPECT_EQ(std::rotl(stored - 0xa282ead8, 15), 0xe3069283);
}

TEST(Crc32c, LeavesTheBytesWhereTheyAre) {
  const auto chain = chain_of(CodecKind::kCrc32c);
  const auto bytes = encoded(*chain, bytes_of("hello"));
  CodecBuffer space;
  const auto plain = chain->decode(bytes, space);
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->in_place);
}

/// Every single-bit error and every truncation of small messages is found.
class EveryDamage : public testing::TestWithParam<CodecKind> {};

TEST_P(EveryDamage, IsRefused) {
  const auto sender = chain_of(GetParam());
  const auto receiver = chain_of(GetParam());
  for (const std::size_t size : {0, 1, 8, 100}) {
    const auto bytes = encoded(*sender, zeros(size));
    ASSERT_TRUE(decoded(*receiver, bytes));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      auto damaged = bytes;
      damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      EXPECT_NE(reason(*receiver, damaged).find("damaged"), std::string::npos) << "bit " << bit;
    }
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decoded(*receiver, ConstBytes(bytes).first(length))) << length;
    }
    auto longer = bytes;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decoded(*receiver, longer));
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, EveryDamage,
                         testing::Values(CodecKind::kCrc32c, CodecKind::kAesGcm));

class Compressing : public testing::TestWithParam<CodecKind> {};

TEST_P(Compressing, MakesWhatRepeatsShort) {
  const auto chain = chain_of(GetParam());
  EXPECT_LT(encoded(*chain, zeros(100'000)).size(), 1000u);
  std::mt19937 random(test_seed());
  EXPECT_LT(encoded(*chain, words(random, 100'000)).size(), 70'000u);
}

TEST_P(Compressing, TruncatedOrLengthenedIsRefused) {
  const auto chain = chain_of(GetParam());
  const auto bytes = encoded(*chain, zeros(100'000));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto cut = ConstBytes(bytes).first(length);
    // Where a cut happens to end like bytes that are stored, the bytes are what they say.
    const auto plain = decoded(*chain, cut);
    EXPECT_LT(plain ? plain->size() : 0, length + 1);
  }
  Bytes longer(bytes.begin(), bytes.begin() + 5);
  longer.push_back(std::byte{0});
  longer.insert(longer.end(), bytes.begin() + 5, bytes.end());
  EXPECT_NE(reason(*chain, longer).find("damaged"), std::string::npos);
}

/// The most memory that this process held since `forget_peak`, in KiB.
std::size_t peak_of_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}
void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

TEST_P(Compressing, ABombIsRefusedBeforeItTakesMemory) {
  const auto chain = chain_of(GetParam());
  const auto bomb = encoded(*chain_of(GetParam()), zeros(64 << 20));
  EXPECT_LT(bomb.size(), 300'000u);
  forget_peak();
  const auto before = peak_of_memory();
  ASSERT_GT(before, 0u);
  EXPECT_NE(reason(*chain, bomb, 1 << 20).find("over the limit"), std::string::npos);
  EXPECT_LE(peak_of_memory(), before + 8192);
  // The measure measures: within the limit it takes what it needs.
  EXPECT_TRUE(decoded(*chain, bomb));
  EXPECT_GE(peak_of_memory(), before + (60 << 10));
}

INSTANTIATE_TEST_SUITE_P(Codecs, Compressing, testing::Values(CodecKind::kLz4, CodecKind::kZstd));

TEST(Lz4, AnImpossibleLengthIsNotBelieved) {
  const auto chain = chain_of(CodecKind::kLz4);
  auto bytes = encoded(*chain, zeros(10'000));
  // The plain length stands before the last byte.
  const auto announce = [&bytes](std::uint32_t length) {
    std::memcpy(bytes.data() + bytes.size() - 5, &length, sizeof length);
  };
  announce(10'001);
  EXPECT_NE(reason(*chain, bytes).find("damaged"), std::string::npos);
  announce(9'999);
  EXPECT_NE(reason(*chain, bytes).find("damaged"), std::string::npos);
  announce(1u << 30);
  EXPECT_NE(reason(*chain, bytes).find("cannot be"), std::string::npos);
  announce(0xffffffff);
  EXPECT_NE(reason(*chain, bytes).find("over the limit"), std::string::npos);
}

TEST(Zstd, AnImpossibleLengthIsNotBelieved) {
  const auto chain = chain_of(CodecKind::kZstd);
  // A frame of one block of zeros that announces 1 GiB: magic number, single segment with 4 bytes
  // of content size, the size, a last block of kind RLE.
  const auto frame = [](std::uint32_t announced, std::uint32_t real) {
    std::string bytes("\x28\xb5\x2f\xfd\xa0", 5);
    bytes.append(reinterpret_cast<const char*>(&announced), sizeof announced);
    const std::uint32_t block = real << 3 | 1 << 1 | 1;
    bytes.append(reinterpret_cast<const char*>(&block), 3);
    return bytes_of(bytes + std::string("\0\1", 2));
  };
  EXPECT_EQ(decoded(*chain, frame(1000, 1000)), zeros(1000));
  EXPECT_NE(reason(*chain, frame(1 << 30, 1000)).find("cannot be"), std::string::npos);
  EXPECT_NE(reason(*chain, frame(2000, 1000)).find("damaged"), std::string::npos);
  EXPECT_NE(reason(*chain, frame(500, 1000)).find("damaged"), std::string::npos);
  const auto once = frame(1000, 1000);
  Bytes twice(once.begin(), once.end() - 1);
  twice.insert(twice.end(), once.begin(), once.end());
  EXPECT_NE(reason(*chain, twice).find("damaged"), std::string::npos);
}

TEST(AesGcm, AnotherChannelsKeyDoesNotFit) {
  const auto bytes = encoded(*chain_of({{CodecKind::kAesGcm}}, 1), bytes_of("secret"));
  EXPECT_TRUE(decoded(*chain_of({{CodecKind::kAesGcm}}, 1), bytes));
  EXPECT_FALSE(decoded(*chain_of({{CodecKind::kAesGcm}}, 2), bytes));
}

TEST(AesGcm, AnotherGroupsSecretDoesNotFit) {
  const std::vector<CodecStage> stages{{CodecKind::kAesGcm}};
  auto other_secret = kSecret;
  other_secret.back() = 1;
  auto other = CodecChain::make(stages, other_secret, kChannel, {});
  ASSERT_TRUE(other);
  EXPECT_FALSE(decoded(**other, encoded(*chain_of(stages), bytes_of("secret"))));
}

TEST(AesGcm, ShowsNothingOfTheMessageAndNeverTheSameBytes) {
  const auto sender = chain_of(CodecKind::kAesGcm);
  const auto again = chain_of(CodecKind::kAesGcm);
  const auto plain = bytes_of("attack at dawn");
  std::vector<Bytes> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(encoded(*sender, plain));
    sent.push_back(encoded(*again, plain));
    EXPECT_TRUE(std::ranges::search(sent.back(), plain).empty());
  }
  std::ranges::sort(sent);
  EXPECT_EQ(std::ranges::adjacent_find(sent), sent.end());
}

TEST(AesGcm, IsAes256GcmWithAKeyByHkdf) {
  // From Python: HKDF(SHA256, length 32, no salt, info b"mvm aes-gcm 1" + (42).to_bytes(8,
  // "little")) of the secret; AESGCM(key).encrypt(bytes(range(12)), b"hello", None).
  const auto bytes = [] {
    Bytes all(12);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i);
    return all;
  };
  auto message = bytes();
  for (const auto byte : {0x42, 0xab, 0x72, 0xbd, 0x46, 0x31, 0x43, 0xbe, 0xff, 0x66, 0x5d,
                          0x45, 0xc9, 0xb8, 0x76, 0x34, 0x2d, 0x54, 0x01, 0xf9, 0xae}) {
    message.push_back(static_cast<std::byte>(byte));
  }
  EXPECT_EQ(decoded(*chain_of(CodecKind::kAesGcm), message), bytes_of("hello"));
}

TEST(CodecBuffer, BecomesSmallAgainAfterOneLargeMessage) {
  CodecBuffer buffer;
  ASSERT_TRUE(buffer.prepare(8 << 20));
  const auto* const large = buffer.first(0).data();
  ASSERT_TRUE(buffer.prepare(100));
  EXPECT_EQ(buffer.first(0).data(), large);
  bool moved = false;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(buffer.prepare(100));
    moved = moved || buffer.first(0).data() != large;
  }
  EXPECT_TRUE(moved);
}

TEST(CodecBuffer, KeepsItsContentWhenItGrows) {
  CodecBuffer buffer;
  for (std::size_t size = 1; size < 10'000; ++size) {
    const auto memory = buffer.resize(size);
    ASSERT_TRUE(memory);
    (*memory)[size - 1] = static_cast<std::byte>(size);
  }
  for (std::size_t i = 0; i < 9'999; ++i) {
    ASSERT_EQ(buffer.first(9'999)[i], static_cast<std::byte>(i + 1));
  }
}

TEST(CodecBuffer, SaysThatThereIsNoMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "this sanitizer ends a program that asks for so much";
#endif
  CodecBuffer buffer;
  const auto memory = buffer.prepare(std::size_t{1} << 62);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, ErrorCode::kLimit);
}

}  // namespace
}  // namespace mvm::queue
